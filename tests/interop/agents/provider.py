"""Offers two capabilities; written for the API that every release shares."""

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-provider")


@app.tool()
@mesh.tool(capability="greeting", tags=["plain", "english"], version="1.2.0")
def greet(name: str) -> str:
    """Greets somebody."""
    return f"hello {name}"


@app.tool()
@mesh.tool(capability="addition", version="2.0.0")
async def add(a: int, b: int) -> dict[str, int]:
    """Adds two numbers."""
    return {"sum": a + b}


@mesh.agent(name="interop-provider", version="1.0.0", http_port=0)
class Provider:
    """Nothing to hold: the tools are above."""
