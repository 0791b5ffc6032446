"""Real agents in a mesh in memory: their tools run, behind FastMCP as in a process of their own."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mesh.calling.headers import Inbound, received
from mesh.calling.membership import Membership, acting_as
from mesh.declaring.catalogue import Catalogue, ToolDeclaration, catalogue
from mesh.testing.protocol import ask, call_tool
from mesh.testing.providers import Said, address, ignored

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mesh.calling.headers import HeaderRules
    from mesh.serving.settings import Settings

OwnTools = Mapping[str, Callable[..., Any]]


class AgentInMemory:
    """An agent that a test has brought into the mesh."""

    def __init__(self, name: str, agent_id: str, tools: Mapping[str, ToolDeclaration]) -> None:
        self.name = name
        self.agent_id = agent_id
        # By the function's name.
        self.tools = tools
        self.member: Membership | None = None

    def __repr__(self) -> str:
        return f"<AgentInMemory {self.name} with {', '.join(self.tools) or 'no tools'}>"

    async def start(
        self, namespace: Mapping[str, Any], headers: HeaderRules, settings: Settings
    ) -> tuple[dict[str, Any], OwnTools]:
        """Serves the tools; what the registry is to be told of them, and the tools as functions."""
        from mesh.asking.functions import check_functions
        from mesh.serving.own_tools import own_tools
        from mesh.serving.payload import registration
        from mesh.serving.servers import adopt

        check_functions(self.tools.values())
        self._catalogue = Catalogue()
        self._catalogue.tools.update(self.tools)
        self._server: FastMCP[Any]
        self._server, served = await adopt(self.name, self._catalogue, namespace, headers)
        tools = {name: (each, served[name].parameters) for name, each in self.tools.items()}
        own = replace(settings, agent_id=self.agent_id, name=self.name)
        payload = registration(own, address(self.agent_id), tools)
        return payload, own_tools(self.tools, served, self._server)

    async def live(self, member: Membership, stack: AsyncExitStack) -> None:
        """Keeps the lifespan of its program open as long as the stack, and works on jobs."""
        from fastmcp import Client

        from mesh.working.claims import working

        self.member = member
        await stack.enter_async_context(Client(self._server))
        with acting_as(member):
            await stack.enter_async_context(working(self._catalogue, member))

    def cancelled(self, job_id: str) -> None:
        """The registry says that a job was cancelled."""
        if self.member is not None and self.member.workplace is not None:
            self.member.workplace.cancel(job_id)

    async def disconnect(self) -> None:
        """Closes the connections of its tools to agents outside of the mesh."""
        for tool in self.tools.values():
            if tool.a2a is not None:
                await tool.a2a.disconnect()

    async def result(
        self, function: str, arguments: dict[str, Any], request: Inbound, said: Said = ignored
    ) -> dict[str, Any]:
        """The result of a `tools/call`, as it is on the wire."""
        assert self.member is not None  # noqa: S101  it has been started
        # A session of its own runs in the context of this call, and so does the tool.
        with acting_as(self.member), received(request):
            return await call_tool(self._server, function, arguments, said)

    async def ask(self, method: str, params: dict[str, Any], request: Inbound) -> dict[str, Any]:
        """The result of any other method of MCP."""
        assert self.member is not None  # noqa: S101  it has been started
        with acting_as(self.member), received(request):
            return await ask(self._server, method, params)


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
