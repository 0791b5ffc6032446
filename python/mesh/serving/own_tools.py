"""The agent's own tools as functions, for tools of the same agent that depend on them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastmcp.tools import Tool

from mesh.declaring.catalogue import ToolDeclaration


def own_tools(
    declarations: Mapping[str, ToolDeclaration], served: Mapping[str, Tool]
) -> dict[str, Callable[..., Any]]:
    """By MCP name, what a dependency on oneself calls: the function with its dependencies filled
    in, or FastMCP around it when that injects parameters of its own, such as a `Context`."""
    return {
        declaration.mcp_name: _through(served[name])
        if _needs_fastmcp(declaration, served[name])
        else declaration.wrapper
        for name, declaration in declarations.items()
    }


def _needs_fastmcp(declaration: ToolDeclaration, tool: Tool) -> bool:
    supplied = tool.parameters.get("properties", {})
    return any(name not in supplied for name in declaration.signature.visible.parameters)


def _through(tool: Tool) -> Callable[..., Awaitable[Any]]:
    async def call(**arguments: Any) -> Any:
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
