"""Asks a FastMCP server in this process by the methods of MCP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mesh.testing.providers import Said, ignored

if TYPE_CHECKING:
    from fastmcp import Client, FastMCP

_METHODS: dict[str, Callable[[Client[Any], dict[str, Any]], Awaitable[Any]]] = {
    "tools/list": lambda client, _: client.list_tools_mcp(),
    "resources/list": lambda client, _: client.list_resources_mcp(),
    "resources/read": lambda client, params: client.read_resource_mcp(params["uri"]),
    "prompts/list": lambda client, _: client.list_prompts_mcp(),
    "prompts/get": lambda client, params: client.get_prompt_mcp(
        params["name"], params.get("arguments") or {}
    ),
}


async def ask(server: FastMCP[Any], method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result, as it is on the wire; raises `RuntimeError`."""
    from fastmcp import Client

    send = _METHODS.get(method)
    if send is None:
        raise RuntimeError(f"mesh.testing knows no method `{method}`")
    async with Client(server) as client:
        try:
            return on_wire(await send(client, params))
        except Exception as error:
            raise RuntimeError(str(error)) from error


async def call_tool(
    server: FastMCP[Any], name: str, arguments: dict[str, Any], said: Said = ignored
) -> dict[str, Any]:
    """The result of a `tools/call`, as it is on the wire; `said` hears what it says before."""
    from fastmcp import Client

    async def hear(_count: float, _total: float | None, piece: str | None) -> None:
        if piece is not None:
            said(piece)

    async with Client(server) as client:
        return on_wire(await client.call_tool_mcp(name, arguments, progress_handler=hear))


def on_wire(result: Any) -> dict[str, Any]:
    """A result of the package `mcp` as JSON has it."""
    answer: dict[str, Any] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    return answer
