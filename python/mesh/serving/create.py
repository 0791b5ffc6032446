"""An MCP server that is named like the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mesh.declaring.arguments import Arguments
from mesh.declaring.catalogue import catalogue

if TYPE_CHECKING:
    from fastmcp import FastMCP


def create_server(name: str | None = None) -> FastMCP[Any]:
    """A FastMCP server; without a name, it is called like the agent that has been declared."""
    from fastmcp import FastMCP

    default = catalogue.agent.name if catalogue.agent is not None else "mcp-mesh-server"
    return FastMCP(Arguments("mesh.create_server").text("name", name) or default)
