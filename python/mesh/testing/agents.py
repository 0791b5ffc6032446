"""Real agents in a mesh in memory: their tools run, behind FastMCP as in a process of their own."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mesh.calling.headers import Inbound, received
from mesh.calling.membership import Membership, acting_as
from mesh.declaring.catalogue import Catalogue, ToolDeclaration, catalogue
from mesh.testing.offers import Offer, Said, ignored

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mesh.calling.headers import HeaderRules


class AgentInMemory:
    """An agent that a test has brought into the mesh."""

    def __init__(self, name: str, tools: Mapping[str, ToolDeclaration]) -> None:
        self.name = name
        # By the function's name.
        self.tools = tools
        self.member: Membership | None = None

    def __repr__(self) -> str:
        return f"<AgentInMemory {self.name} with {', '.join(self.tools) or 'no tools'}>"

    async def start(self, namespace: Mapping[str, Any], headers: HeaderRules) -> Any:
        """Serves the tools; what serves them, by their function's name."""
        from mesh.serving.servers import adopt

        own = Catalogue()
        own.tools.update(self.tools)
        self._server: FastMCP[Any]
        self._server, served = await adopt(self.name, own, namespace, headers)
        return served

    async def live(self, stack: AsyncExitStack) -> None:
        """Keeps the lifespan of its program open as long as the stack."""
        from fastmcp import Client

        await stack.enter_async_context(Client(self._server))

    async def disconnect(self) -> None:
        """Closes the connections of its tools to agents outside of the mesh."""
        for tool in self.tools.values():
            if tool.a2a is not None:
                await tool.a2a.disconnect()

    def offers(self) -> Iterator[Offer]:
        """Its capabilities."""
        for tool in self.tools.values():
            if tool.capability:
                tags = (*tool.tags, self.name) if tool.a2a is not None else tool.tags
                yield Offer(self, tool.mcp_name, tool.capability, tags, tool.version, tool)

    async def result(
        self, function: str, arguments: dict[str, Any], request: Inbound, said: Said = ignored
    ) -> dict[str, Any]:
        """The result of a `tools/call`, as it is on the wire."""
        from fastmcp import Client

        async def hear(_count: float, _total: float | None, piece: str | None) -> None:
            if piece is not None:
                said(piece)

        assert self.member is not None  # noqa: S101  it has been started
        with acting_as(self.member), received(request):
            # A session of its own runs in the context of this call, and so does the tool.
            async with Client(self._server) as client:
                result = await client.call_tool_mcp(function, arguments, progress_handler=hear)
        answer: dict[str, Any] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        return answer


def declaration_of(source: Any) -> ToolDeclaration:
    """The declaration of a function under `@mesh.tool`; raises `ValueError`."""
    function = getattr(source, "fn", source)
    declaration: ToolDeclaration | None = getattr(function, "__mesh_tool__", None)
    if declaration is None and callable(function):
        plain = inspect.unwrap(function)
        every = catalogue.tools.values()
        declaration = next((each for each in every if each.function is plain), None)
    if declaration is None:
        raise ValueError(f"{source!r} is no function under @mesh.tool")
    return declaration


def declared_in(module: ModuleType) -> tuple[str | None, list[ToolDeclaration]]:
    """The name of the agent that a module declares, and its tools."""
    tools = [
        declaration_of(value)
        for value in vars(module).values()
        if hasattr(getattr(value, "fn", value), "__mesh_tool__")
    ]
    if not tools:
        raise ValueError(f"module `{module.__name__}` has no function under @mesh.tool")
    agent = catalogue.agents.get(os.path.realpath(module.__file__ or ""))
    return (agent.name if agent else None), tools
