"""Offers a model to the mesh; needs `pip install 'mcp-mesh[anthropic]'`, and a key to answer."""

import mesh


@mesh.llm_provider(
    model="anthropic/claude-sonnet-5-5",
    tags=["claude", "deep"],
    version="1.0.0",
    max_tokens=4096,
)
def think() -> None:
    """Answers with Claude."""


@mesh.agent(name="thinker")
class Thinker:
    """Knows the model, the key and nothing else."""
