"""The mesh in memory."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mesh.asking import advertised
from mesh.asking.functions import LlmFunctions
from mesh.calling import membership
from mesh.calling.headers import HeaderRules, Inbound
from mesh.calling.membership import Membership, to_json
from mesh.declaring.catalogue import ToolDeclaration
from mesh.declaring.tasks import Task
from mesh.serving.payload import consumer
from mesh.serving.settings import resolve
from mesh.testing.agents import AgentInMemory, declaration_of, declared_in
from mesh.testing.fakes import Fake
from mesh.testing.llms import FakeLlm, Turn
from mesh.testing.offers import Offer
from mesh.testing.providers import Provider, Said, endpoint, ignored, registration
from mesh.testing.registry import Registry, ToldJobs, Wiring
from mesh.testing.results import value_of
from mesh.testing.runtime import Request, Runtime

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mesh._mesh import Agent, Jobs, Target

T = TypeVar("T")

# Who calls where a test calls a function itself.
TESTER = "tester"
# What no agent's id may hold.
_OTHER_LETTERS = re.compile(r"[^a-z0-9]+")


def mesh() -> Mesh:
    """A mesh in memory: `async with mesh.testing.mesh() as m`.

    While it is open, tools and routes that are called in this process get their dependencies from
    it. It takes its settings from the environment, as an agent would, and asks no registry but its
    own, which is in memory as well.
    """
    return Mesh()


class Mesh:
    """Agents and fakes that find and call each other within one test."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._settings = resolve(os.environ, None)
        self._headers = HeaderRules(self._settings.propagate_headers)
        # By the ids that the registry knows.
        self._providers: dict[str, Provider] = {}
        # What tests call themselves, by its declaration's identity.
        self._called: dict[int, Membership] = {}
        self._stack = AsyncExitStack()
        self._former: Membership | None = None

    async def __aenter__(self) -> Mesh:
        self.loop = asyncio.get_running_loop()
        self._registry = Registry()
        self._former = membership.current()
        membership.enter(self._member(TESTER, None, {}, self._caller))
        return self

    async def __aexit__(self, *_error: object) -> None:
        for agent in self._agents():
            await agent.disconnect()
        await self._stack.aclose()
        membership.enter(self._former)

    def provide(
        self,
        capability: str,
        answer: Any = None,
        *,
        tags: Sequence[str] = (),
        version: str = "1.0.0",
        name: str | None = None,
        description: str | None = None,
        returns: Any = None,
        task: bool = False,
        server: FastMCP[Any] | None = None,
    ) -> Fake:
        """Puts a fake into the mesh that provides `capability`.

        `answer` is what it returns, an exception that it raises, or a function, of either kind,
        that is called with the arguments of each call. Answers pass through JSON, as real ones do.

        `returns` is the type of the answer, or its JSON Schema, for consumers that have an
        `expected_type`; a function's is that of its annotation, a model's its own. A fake with
        `task` works on the jobs that are submitted for the capability. Its other tools, its
        resources and its prompts are those of `server`.
        """
        name = self._free(name or f"fake-{capability}")
        # Among equals the lowest id wins, so a test may have its fake.
        agent_id = f"0-{_slug(name)}"
        offer = Offer(capability, tags, version, description, returns, task)

        def leave() -> None:
            if self._providers.pop(agent_id, None) is not None:
                self._registry.leave(agent_id)

        fake = Fake(name, capability, answer, leave, server)
        self._registry.register(registration(agent_id, [offer.tool(answer)]))
        self._providers[agent_id] = fake
        if task:
            self._employ(fake, agent_id)
        return fake

    def llm(
        self,
        *turns: Turn,
        capability: str = "llm",
        tags: Sequence[str] = (),
        version: str = "1.0.0",
        model: str = "fake/model",
        name: str | None = None,
    ) -> FakeLlm:
        """Puts an LLM provider into the mesh whose model says these turns, one for each time that
        it is asked.

        A turn is a text; `ToolCall`s that it wants, one or a list, after whose results it is asked
        again; an exception; anything else that can be JSON, such as the model that the function
        returns; or a function of the request that returns one of these.
        """
        name = self._free(name or f"fake-{capability}")
        agent_id = f"0-{_slug(name)}"
        llm = FakeLlm(name, capability, model, turns)
        llm.member = self._member(agent_id, None, {})
        self._registry.register(registration(agent_id, llm.tools(tags, version)))
        self._providers[agent_id] = llm
        return llm

    async def agent(self, *sources: Any, name: str | None = None) -> AgentInMemory:
        """Brings a real agent into the mesh: a module that declares one, or functions of its own.

        Its tools run behind FastMCP, and its tasks work on jobs. `name` is that of its
        `@mesh.agent`, if there is one. What a registry would refuse is a `ValueError`.
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
        name = self._free(name or "agent")
        made = AgentInMemory(name, _slug(name), {each.name: each for each in tools})
        payload, own_tools = await made.start(namespace, self._headers, self._settings)
        wiring = Wiring(self._registry, payload)
        self._providers[made.agent_id] = made
        await made.live(self._member(made.agent_id, wiring, own_tools), self._stack)
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

    async def submit(self, capability: str, **payload: Any) -> Any:
        """Submits a job as a tool with a `MeshJob` would, and returns its `JobProxy`, on which
        `wait`, `status`, `send_event` and `cancel` are awaited. `max_duration`, `max_retries` and
        `total_deadline` limit it."""
        from mesh.working.submitter import JobSubmitter

        tester = self._member(TESTER, None, {})
        return await JobSubmitter(tester, capability).submit(**payload)

    def wiring(self, tool: Any) -> list[str | None]:
        """The names of the agents and fakes that fill the dependencies of a tool or a route, in
        their order; None for those that nobody fills."""
        declaration: ToolDeclaration = getattr(tool, "__mesh_route__", None) or declaration_of(tool)
        runtime = self._caller(declaration).agent
        found = (
            runtime.slot(declaration.mcp_name, index)
            for index in range(len(declaration.dependencies))
        )
        return [self._providers[each.agent_id].name if each else None for each in found]

    def jobs(self) -> Jobs:
        """Asks the registry about jobs, for the runtimes of the agents."""
        return cast("Jobs", ToldJobs(self._registry.jobs(), self._cancelled))

    async def deliver(self, target: Target, request: Request, said: Said = ignored) -> Any:
        """What a call of an agent returns, for the runtimes of the agents."""
        arguments, seconds, _ = request
        provider = self._provider(target)
        work = provider.result(
            target.function_name, json.loads(arguments), self._received(request), said
        )
        return value_of(await _within(seconds, provider.name, work))

    async def ask(self, target: Target, method: str, request: Request) -> dict[str, Any]:
        """What another method of MCP results in, for the runtimes of the agents."""
        params, seconds, _ = request
        provider = self._provider(target)
        work = provider.ask(method, json.loads(params), self._received(request))
        return await _within(seconds, provider.name, work)

    def _received(self, request: Request) -> Inbound:
        _, seconds, headers = request
        return self._headers.capture([*headers, ("x-mesh-timeout", str(seconds))])

    def _provider(self, target: Target) -> Provider:
        # Tools for an LLM are known by their endpoint alone.
        for agent_id, provider in self._providers.items():
            if target.agent_id == agent_id or target.endpoint == endpoint(agent_id):
                return provider
        raise RuntimeError(f"{target.agent_id.removeprefix('0-')} has left the mesh")

    def _agents(self) -> list[AgentInMemory]:
        return [each for each in self._providers.values() if isinstance(each, AgentInMemory)]

    def _employ(self, fake: Fake, agent_id: str) -> None:
        """Has a fake work on jobs."""
        from mesh.working.claims import Offered, Worker
        from mesh.working.requests import JobRequests
        from mesh.working.workplace import Workplace

        place = Workplace(JobRequests(self.jobs()), agent_id)
        worker = Worker(place, Offered(fake.capability, Task()), fake.work, lambda: 0)
        claiming = asyncio.create_task(worker.run())

        async def dismiss() -> None:
            claiming.cancel()
            await place.close()

        self._stack.push_async_callback(dismiss)

    def _cancelled(self, job_id: str) -> None:
        for agent in self._agents():
            agent.cancelled(job_id)

    async def _found(self, tool: Any) -> tuple[AgentInMemory, str]:
        if isinstance(tool, str):
            for agent in self._agents():
                if any(tool == each.mcp_name for each in agent.tools.values()):
                    return agent, tool
            raise ValueError(f"no agent of this mesh has a tool `{tool}`; bring it in: m.agent(…)")
        declaration = declaration_of(tool)
        return self._owner(declaration) or await self.agent(tool), declaration.mcp_name

    def _owner(self, tool: ToolDeclaration) -> AgentInMemory | None:
        for agent in self._agents():
            if any(each is tool for each in agent.tools.values()):
                return agent
        return None

    def _caller(self, tool: ToolDeclaration) -> Membership:
        """As whom a function runs that a test calls itself, or that FastAPI calls."""
        owner = self._owner(tool)
        if owner is not None and owner.member is not None:
            return owner.member
        known = self._called.get(id(tool))
        if known is None:
            fields = consumer(tool.mcp_name, tool) | advertised.of_tool(tool, self._settings.llm)
            agent_id = f"{TESTER}-{len(self._called) + 1}"
            wiring = Wiring(self._registry, registration(agent_id, [fields]))
            known = self._called[id(tool)] = self._member(TESTER, wiring, {})
        return known

    def _member(
        self,
        agent_id: str,
        wiring: Wiring | None,
        own_tools: Mapping[str, Callable[..., Any]],
        caller: Callable[[ToolDeclaration], Membership] | None = None,
    ) -> Membership:
        return _Member(
            agent=cast("Agent", Runtime(self, agent_id, wiring)),
            agent_id=agent_id,
            own_tools=own_tools,
            loop=self.loop,
            headers=self._headers,
            call_timeout=self._settings.call_timeout,
            llm=LlmFunctions(self._settings.llm),
            caller=caller,
        )

    def _free(self, name: str) -> str:
        """The name, with a number if somebody has it."""
        taken = {TESTER, *(each.name for each in self._providers.values())}
        numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
        return name if name not in taken else next(each for each in numbered if each not in taken)


@dataclass(slots=True)
class _Member(Membership):
    """A membership in memory; that of the test itself lends each tool one of its own."""

    caller: Callable[[ToolDeclaration], Membership] | None = None

    def of(self, tool: ToolDeclaration) -> Membership:
        """The membership as which a tool is called."""
        return self if self.caller is None else self.caller(tool)


def _slug(name: str) -> str:
    """An id as registries accept it."""
    return _OTHER_LETTERS.sub("-", name.lower()).strip("-") or "unnamed"


async def _within(seconds: float, name: str, work: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise RuntimeError(f"{name} did not answer within {seconds} seconds") from None
