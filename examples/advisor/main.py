"""Asks an LLM, which may use tools of the mesh."""

from pydantic import BaseModel, Field

import mesh


class Guest(mesh.MeshContextModel):
    """Who is advised; the template of the prompt sees it."""

    name: str = Field(description="How to address the guest")
    outdoors: bool = False


class Advice(BaseModel):
    """What the LLM is asked for."""

    text: str
    confidence: float = Field(1.0, ge=0, le=1)


@mesh.llm(
    filter={"capability": "forecast", "tags": ["metric"]},
    provider={"capability": "llm", "tags": ["+claude"]},
    system_prompt="file://prompts/advisor.jinja2",
    max_iterations=5,
    temperature=0.2,
)
@mesh.tool(capability="advice")
async def advise(question: str, guest: Guest, llm: mesh.MeshLlmAgent = None) -> Advice:
    """Advise a guest."""
    if llm is None:
        return Advice(text=f"Nobody is there to ask, {guest.name}.", confidence=0)
    return await llm(question)


@mesh.llm(provider={"capability": "llm"}, system_prompt="You tell stories.")
@mesh.tool(capability="stories")
async def tell(subject: str, llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
    """Tell a story, word by word."""
    async for piece in llm.stream(f"A story about {subject}, please."):
        yield piece


@mesh.agent(name="advisor")
class Advisor:
    """Knows whom to ask."""
