"""Has an LLM function that may use what adds, and thinks with whoever offers to."""

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-llm-consumer")


@app.tool()
@mesh.llm(
    filter=[{"capability": "addition", "version": ">=2.0.0"}],
    provider={"capability": "llm", "tags": ["+fake"]},
    system_prompt="Add what you are told to add.",
)
@mesh.tool(capability="ask")
async def ask(question: str, llm: mesh.MeshLlmAgent = None) -> str:
    """Says what the LLM says; nothing where none is wired."""
    return str(await llm(question)) if llm else ""


@app.tool()
@mesh.llm(provider={"capability": "llm"})
@mesh.tool(capability="tell")
async def tell(question: str, llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
    """Says what the LLM says, as it says it."""
    if llm:
        async for piece in llm.stream(question):
            yield piece


@mesh.agent(name="interop-llm-consumer", version="1.0.0", http_port=0)
class Consumer:
    """Nothing to hold: the tool is above."""
