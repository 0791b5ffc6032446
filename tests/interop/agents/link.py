"""One link of a chain: offers the capability of its first argument and requires that of its second,
where it has one."""

import sys
from typing import Any

from fastmcp import FastMCP

import mesh

OFFERED, *REQUIRED = sys.argv[1:]

app = FastMCP(f"interop-{OFFERED}")


@app.tool()
@mesh.tool(
    capability=OFFERED,
    dependencies=[{"capability": name, "required": True} for name in REQUIRED],
)
async def link(further: mesh.McpMeshTool = None) -> dict[str, Any]:
    """Says what hangs on this link; null where nothing is wired."""
    return {OFFERED: await further() if further else None}


@mesh.agent(name=f"interop-{OFFERED}", version="1.0.0", http_port=0)
class Link:
    """Nothing to hold: the tool is above."""
