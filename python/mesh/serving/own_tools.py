"""The agent's own tools as functions, for tools of the same agent that depend on them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_context
from fastmcp.tools import Tool

from mesh.declaring.catalogue import ToolDeclaration


def own_tools(
    declarations: Mapping[str, ToolDeclaration],
    served: Mapping[str, Tool],
    server: FastMCP[Any] | None = None,
) -> dict[str, Callable[..., Any]]:
    """By MCP name, what a dependency on oneself calls: the function with its dependencies filled
    in, or FastMCP around it when that injects parameters of its own, such as a `Context`."""
    return {
        declaration.mcp_name: _through(served[name], server)
        if _needs_fastmcp(declaration, served[name])
        else declaration.wrapper
        for name, declaration in declarations.items()
    }


def _needs_fastmcp(declaration: ToolDeclaration, tool: Tool) -> bool:
    supplied = tool.parameters.get("properties", {})
    return any(name not in supplied for name in declaration.signature.visible.parameters)


def _through(tool: Tool, server: FastMCP[Any] | None) -> Callable[..., Awaitable[Any]]:
    async def call(**arguments: Any) -> Any:
        async with _context(server):
            result = await tool.run(arguments)
        structured = result.structured_content
        if structured is not None:
            is_wrapped = (tool.output_schema or {}).get("x-fastmcp-wrap-result")
            return structured["result"] if is_wrapped else structured
        texts = [text for block in result.content if (text := getattr(block, "text", None))]
        if not texts:
            return None
        try:
            return json.loads(texts[0])
        except ValueError:
            return texts[0]

    return call


def _context(server: FastMCP[Any] | None) -> AbstractAsyncContextManager[Any]:
    """What FastMCP injects comes from the call that is being served; a job is worked on without."""
    try:
        get_context()
    except RuntimeError:
        return nullcontext() if server is None else Context(server)
    return nullcontext()
