"""Listens to what others hand out piece by piece; written for the API that every release shares."""

from typing import Any

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-listener")


@mesh.service
class Tales:
    """Both tools of the teller."""

    @mesh.selector("tale")
    async def tell(self, words: int) -> str:
        """Counts."""

    @mesh.selector("note")
    async def note(self, text: str) -> dict[str, str]:
        """Repeats."""


@app.tool()
@mesh.tool(capability="ear", dependencies=["tale"])
async def listen(tales: Tales, words: int, tale: mesh.McpMeshTool = None) -> dict[str, Any]:
    """What is heard, in pieces and as a whole, of the tool itself and through a service."""
    if tale is None:
        return {"pieces": []}
    mesh.TraceContext.set_current("0" * 31 + "1", "0" * 15 + "2")
    return {
        "pieces": [piece async for piece in tale.stream(words=words)],
        "whole": await tale(words=words),
        "note": await tales.note(text="hi"),
        "tools": sorted(tool.name for tool in await tale.list_tools() if tool.name[0] != "_"),
    }


@mesh.agent(name="interop-listener", version="1.0.0", http_port=0)
class Listener:
    """Nothing to hold: the tool is above."""
