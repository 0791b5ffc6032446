"""Needs the provider's capabilities; written for the API that every release shares."""

from typing import Any

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-consumer")


@app.tool()
@mesh.tool(
    capability="welcome",
    dependencies=[
        {"capability": "greeting", "tags": ["+english", "-shouted"], "version": ">=1.0.0"},
        "addition",
    ],
)
async def welcome(
    name: str,
    greet: mesh.McpMeshTool = None,
    add: mesh.McpMeshTool = None,
) -> dict[str, Any]:
    """Says what the wired tools answer; null where nothing is wired."""
    return {
        "greeting": await greet(name=name) if greet else None,
        "sum": await add(a=2, b=3) if add else None,
    }


@mesh.agent(name="interop-consumer", version="1.0.0", http_port=0)
class Consumer:
    """Nothing to hold: the tool is above."""
