"""Offers a model of a vendor; the test tells the vendor's SDK where to find a vendor of its own."""

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-llm-thinker")


@mesh.llm_provider(model="openai/gpt-4o", capability="llm", tags=["thinker"], version="1.0.0")
def think():
    """Thinks."""


@mesh.agent(name="interop-llm-thinker", version="1.0.0", http_port=0)
class Thinker:
    """Nothing to hold: the model is above."""
