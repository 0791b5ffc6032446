"""The mesh in memory."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from mesh._mesh import Target
from mesh.calling import membership
from mesh.calling.headers import HeaderRules
from mesh.calling.membership import Membership, to_json
from mesh.declaring.catalogue import ToolDeclaration
from mesh.declaring.selectors import Selector
from mesh.serving.settings import resolve
from mesh.testing.agents import AgentInMemory, declaration_of, declared_in
from mesh.testing.fakes import Fake
from mesh.testing.offers import Offer, Provider, Said, chosen, ignored
from mesh.testing.results import value_of
from mesh.testing.runtime import Request, Runtime

if TYPE_CHECKING:
    from mesh._mesh import Agent

# Who calls where a test calls a function itself.
TESTER = "tester"


def mesh() -> Mesh:
    """A mesh in memory: `async with mesh.testing.mesh() as m`.

    While it is open, tools and routes that are called in this process get their dependencies from
    it. It takes its settings from the environment, as an agent would, and asks no registry.
    """
    return Mesh()


class Mesh:
    """Agents and fakes that find and call each other within one test."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        settings = resolve(os.environ, None)
        self._headers = HeaderRules(settings.propagate_headers)
        self._call_timeout = settings.call_timeout
        self._fakes: dict[str, tuple[Fake, Offer]] = {}
        self._agents: dict[str, AgentInMemory] = {}
        self._stack = AsyncExitStack()
        self._former: Membership | None = None

    async def __aenter__(self) -> Mesh:
        self.loop = asyncio.get_running_loop()
        self._former = membership.current()
        membership.enter(self._member(TESTER, lambda _function: None, {}, self._caller))
        return self

    async def __aexit__(self, *_error: object) -> None:
        membership.enter(self._former)
        for agent in self._agents.values():
            await agent.disconnect()
        await self._stack.aclose()

    def provide(
        self,
        capability: str,
        answer: Any = None,
        *,
        tags: Sequence[str] = (),
        version: str = "1.0.0",
        name: str | None = None,
    ) -> Fake:
        """Puts a fake into the mesh that provides `capability`.

        `answer` is what it returns, an exception that it raises, or a function, of either kind,
        that is called with the arguments of each call. Answers pass through JSON, as real ones do.
        """
        name = self._free(name or f"fake-{capability}")

        def leave() -> None:
            self._fakes.pop(name, None)

        fake = Fake(name, capability, answer, leave)
        self._fakes[name] = fake, Offer(fake, capability, capability, tuple(tags), version)
        return fake

    async def agent(self, *sources: Any, name: str | None = None) -> AgentInMemory:
        """Brings a real agent into the mesh: a module that declares one, or functions of its own.

        Its tools run behind FastMCP. `name` is that of its `@mesh.agent`, if there is one.
        """
        namespace: dict[str, Any] = {}
        tools: list[ToolDeclaration] = []
        for source in sources:
            if isinstance(source, ModuleType):
                declared, found = declared_in(source)
                name = name or declared
                namespace |= vars(source)
                tools += found
            else:
                tools.append(declaration_of(source))
        made = AgentInMemory(
            self._free(name or "agent"), {declaration.name: declaration for declaration in tools}
        )
        served = await made.start(namespace, self._headers)
        from mesh.serving.own_tools import own_tools

        made.member = self._member(made.name, _finder(made), own_tools(made.tools, served))
        self._agents[made.name] = made
        await made.live(self._stack)
        return made

    async def call(
        self,
        tool: Any,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Calls a tool as another agent would, and returns what that one would get.

        `tool` is a function under `@mesh.tool`, which need not be in the mesh yet, or the name of a
        tool that is. A failure raises `RuntimeError` with the text that the tool sends. `headers`
        are those of the request that came in.
        """
        return value_of(await self.result(tool, arguments, headers=headers, **kwargs))

    async def result(
        self,
        tool: Any,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As `call`, but returns the result of `tools/call` as it is on the wire: `content`,
        `structuredContent` and `isError`."""
        agent, function = await self._found(tool)
        sent = json.loads(to_json({**(arguments or {}), **kwargs}))
        return await agent.result(function, sent, self._headers.capture((headers or {}).items()))

    def wiring(self, tool: Any) -> list[str | None]:
        """The names of the agents and fakes that fill the dependencies of a tool or a route, in
        their order; None for those that nobody fills."""
        declaration: ToolDeclaration = getattr(tool, "__mesh_route__", None) or declaration_of(tool)
        offers = [self._offer(declaration, index) for index in range(len(declaration.dependencies))]
        return [offer.provider.name if offer else None for offer in offers]

    def target(self, declaration: ToolDeclaration, index: int) -> Target | None:
        """Who fills a dependency, for the runtimes of the agents."""
        offer = self._offer(declaration, index)
        if offer is None:
            return None
        name = offer.provider.name
        return Target.of(name, f"memory://{name}", offer.function, offer.capability)

    def llm_provider(self, declaration: ToolDeclaration) -> dict[str, Any] | None:
        """Who answers what a function asks an LLM, for the runtimes of the agents."""
        if declaration.llm is None:
            return None
        wanted = declaration.llm.provider
        selector = Selector(wanted.capability, wanted.tags, wanted.version or None)
        offer = chosen(selector, self._available())
        if offer is None:
            return None
        return {
            "agent_id": offer.provider.name,
            "endpoint": f"memory://{offer.provider.name}",
            "name": offer.function,
            "capability": offer.capability,
            "status": "available",
        }

    async def deliver(self, target: Target, request: Request, said: Said = ignored) -> Any:
        """What a call of an agent returns, for the runtimes of the agents."""
        arguments, seconds, headers = request
        provider = self._provider(target.agent_id)
        if provider is None:
            raise RuntimeError(f"{target.agent_id} has left the mesh")
        received = self._headers.capture([*headers, ("x-mesh-timeout", str(seconds))])
        try:
            async with asyncio.timeout(seconds):
                result = await provider.result(
                    target.function_name, json.loads(arguments), received, said
                )
        except TimeoutError:
            raise RuntimeError(
                f"{target.agent_id} did not answer within {seconds} seconds"
            ) from None
        return value_of(result)

    def _offer(self, declaration: ToolDeclaration, index: int) -> Offer | None:
        return chosen(declaration.dependencies[index], self._available())

    def _available(self) -> list[Offer]:
        """What is offered, less what requires something that is not."""
        offers = [offer for _, offer in self._fakes.values()]
        offers += [offer for agent in self._agents.values() for offer in agent.offers()]
        while True:
            kept = [offer for offer in offers if _has_what_it_requires(offer, offers)]
            if len(kept) == len(offers):
                return kept
            offers = kept

    def _provider(self, name: str) -> Provider | None:
        if name in self._fakes:
            return self._fakes[name][0]
        return self._agents.get(name)

    async def _found(self, tool: Any) -> tuple[AgentInMemory, str]:
        if isinstance(tool, str):
            for agent in self._agents.values():
                if any(tool == each.mcp_name for each in agent.tools.values()):
                    return agent, tool
            raise ValueError(f"no agent of this mesh has a tool `{tool}`; bring it in: m.agent(…)")
        declaration = declaration_of(tool)
        for agent in self._agents.values():
            if any(each is declaration for each in agent.tools.values()):
                return agent, declaration.mcp_name
        return await self.agent(tool), declaration.mcp_name

    def _caller(self, tool: ToolDeclaration) -> Membership:
        """As whom a function runs that a test calls itself, or that FastAPI calls."""
        for agent in self._agents.values():
            if agent.member is not None and any(each is tool for each in agent.tools.values()):
                return agent.member
        return self._member(TESTER, lambda _function: tool, {})

    def _member(
        self,
        name: str,
        find: Callable[[str], ToolDeclaration | None],
        own_tools: Mapping[str, Callable[..., Any]],
        caller: Callable[[ToolDeclaration], Membership] | None = None,
    ) -> Membership:
        return _Member(
            agent=cast("Agent", Runtime(self, find)),
            agent_id=name,
            own_tools=own_tools,
            loop=self.loop,
            headers=self._headers,
            call_timeout=self._call_timeout,
            caller=caller,
        )

    def _free(self, name: str) -> str:
        """The name, with a number if somebody has it."""
        taken = {*self._fakes, *self._agents, TESTER}
        numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
        return name if name not in taken else next(each for each in numbered if each not in taken)


@dataclass(slots=True)
class _Member(Membership):
    """A membership in memory; that of the test itself lends each tool one of its own."""

    caller: Callable[[ToolDeclaration], Membership] | None = None

    def of(self, tool: ToolDeclaration) -> Membership:
        """The membership as which a tool is called."""
        return self if self.caller is None else self.caller(tool)


def _finder(agent: AgentInMemory) -> Callable[[str], ToolDeclaration | None]:
    def find(function: str) -> ToolDeclaration | None:
        return next((each for each in agent.tools.values() if each.mcp_name == function), None)

    return find


def _has_what_it_requires(offer: Offer, offers: list[Offer]) -> bool:
    if offer.declaration is None:
        return True
    return all(
        chosen(selector, offers) is not None
        for selector in offer.declaration.dependencies
        if selector.required
    )
