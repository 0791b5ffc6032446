"""Asks an LLM in every way: for a text, for an object, piece by piece, and without an end."""

from fastmcp import FastMCP
from pydantic import BaseModel

import mesh

app = FastMCP("interop-llm-asker")
PROVIDER = {"capability": "llm", "tags": ["+thinker"]}
ADDITION = [{"capability": "addition", "version": ">=2.0.0"}]


class Sum(BaseModel):
    """What is asked for."""

    total: int


@app.tool()
@mesh.llm(filter=ADDITION, provider=PROVIDER, system_prompt="Add.", temperature=0.5)
@mesh.tool(capability="in_words")
async def in_words(question: str, llm: mesh.MeshLlmAgent = None) -> str:
    """A text, found with tools."""
    return str(await llm(question)) if llm else "nobody thinks"


@app.tool()
@mesh.llm(provider=PROVIDER)
@mesh.tool(capability="in_numbers")
async def in_numbers(question: str, llm: mesh.MeshLlmAgent = None) -> Sum:
    """An object."""
    return await llm(question)


@app.tool()
@mesh.llm(filter=ADDITION, provider=PROVIDER, max_iterations=2)
@mesh.tool(capability="for_ever")
async def for_ever(question: str, llm: mesh.MeshLlmAgent = None) -> str:
    """Never an answer."""
    try:
        return str(await llm(question))
    except mesh.MaxIterationsError as error:
        return f"gave up after {error.max_allowed}"


@app.tool()
@mesh.llm(filter=ADDITION, provider=PROVIDER)
@mesh.tool(capability="in_pieces")
async def in_pieces(question: str, llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
    """A text, as it is said."""
    async for piece in llm.stream(question):
        yield piece


@mesh.agent(name="interop-llm-asker", version="1.0.0", http_port=0)
class Asker:
    """Nothing to hold: the tools are above."""
