"""Needs the provider's capabilities, and fails once it has used one."""

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-lost")


@app.tool()
@mesh.tool(capability="losing", dependencies=["addition"])
async def lose(add: mesh.McpMeshTool = None) -> str:
    """Adds, and loses what it has."""
    total = await add(a=2, b=3) if add else None
    raise ValueError(f"lost {total}")


@mesh.agent(name="interop-lost", version="1.0.0", http_port=0)
class Lost:
    """Nothing to hold: the tool is above."""
