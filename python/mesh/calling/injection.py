"""Fills in the dependencies of a tool when it is called.

The wrapper looks like the tool without its injected parameters: that is what FastMCP reads.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from mesh.calling import membership
from mesh.calling.streams import closing, pieces_of
from mesh.declaring.signatures import Kind
from mesh.tracing.spans import NO_SPAN, NoSpan

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.asking.meta import LlmMeta
    from mesh.calling.membership import Membership
    from mesh.declaring.catalogue import ToolDeclaration
    from mesh.declaring.signatures import Injected


def wrap(declaration: ToolDeclaration) -> Callable[..., Any]:
    """The tool with its dependencies filled in at each call."""
    function = declaration.function
    wrapper: Any

    if declaration.signature.is_stream:

        async def stream(*args: Any, **kwargs: Any) -> Any:
            call = Filling(declaration, args, kwargs)
            pieces = call.span().around(_pieces(call))
            async with closing(pieces):
                async for piece in pieces:
                    yield piece

        wrapper = stream
    elif declaration.task is not None:

        async def call_task(*args: Any, **kwargs: Any) -> Any:
            from mesh.working.handling import handle

            return await handle(Filling(declaration, args, kwargs))

        wrapper = call_task
    elif inspect.iscoroutinefunction(function):

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            call = Filling(declaration, args, kwargs)
            with call.span() as span:
                await call.fill()
                return span.returned(await call.begin())

        wrapper = call_async
    else:

        def call_blocking(*args: Any, **kwargs: Any) -> Any:
            call = Filling(declaration, args, kwargs)
            with call.span() as span:
                call.fill_blocking()
                return span.returned(function(*call.args, **call.kwargs))

        wrapper = call_blocking

    functools.update_wrapper(wrapper, function)
    visible = declaration.signature.visible
    wrapper.__signature__ = visible
    wrapper.__annotations__ = annotations_of(visible)
    wrapper.__mesh_tool__ = declaration
    return wrapper  # type: ignore[no-any-return]


async def _pieces(call: Filling) -> AsyncIterator[Any]:
    await call.fill()
    pieces = call.pieces()
    async with closing(pieces):
        async for piece in pieces:
            yield piece


class Filling:
    """The arguments of one call, while its dependencies are filled in."""

    __slots__ = ("args", "declaration", "kwargs", "member", "metas")

    def __init__(
        self, declaration: ToolDeclaration, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.declaration = declaration
        self.args: tuple[Any, ...] = args
        self.kwargs = kwargs
        member = membership.current()
        self.member = None if member is None else member.of(declaration)
        # Of the answers that the function gets from LLMs.
        self.metas: list[LlmMeta] = []

    def begin(self) -> Awaitable[Any]:
        """Calls the function, a coroutine function, in the event loop where it belongs."""
        function = self.declaration.function
        loops = None if self.member is None else self.member.loops
        if loops is None:
            return function(*self.args, **self.kwargs)  # type: ignore[no-any-return]
        return loops.call(function, self.args, self.kwargs)

    def runs_elsewhere(self) -> bool:
        """Whether the function may run in another event loop than this one."""
        return (
            self.member is not None
            and self.member.loops is not None
            and self.member.loops.are_several
        )

    def pieces(self) -> AsyncIterator[Any]:
        """Calls the function, a streaming one, in the event loop where it belongs."""
        function = self.declaration.function
        loops = None if self.member is None else self.member.loops
        if loops is None:
            return pieces_of(function(*self.args, **self.kwargs))
        return loops.stream(function, self.args, self.kwargs)

    def span(self) -> NoSpan:
        """What the function runs in, dependencies that have to be waited for included."""
        if self.member is None or self.member.spans is None:
            return NO_SPAN
        return self.member.spans.of_function(self)

    async def fill(self) -> None:
        """Waits for missing dependencies without blocking the event loop."""
        for index, parameter in self._open_slots():
            target = self._target(index)
            if target is None and self.member is not None and self._needs_it(index, parameter):
                target = await self._settled(self.member, index)
            self._place(index, parameter, target, is_blocking=False)
        if self.asks_llm():
            from mesh.asking.filling import fill

            await fill(self)

    def fill_blocking(self) -> None:
        """Waits for missing dependencies in the tool's own thread."""
        for index, parameter in self._open_slots():
            target = self._target(index)
            if target is None and self.member is not None and self._needs_it(index, parameter):
                target = self.member.agent.wait_slot(self.declaration.mcp_name, index)
            self._place(index, parameter, target, is_blocking=True)
        if self.asks_llm():
            from mesh.asking.filling import fill_blocking

            fill_blocking(self)

    def asks_llm(self) -> bool:
        """Whether a parameter is to be filled with an LLM."""
        return any(each.kind is Kind.LLM for each in self.declaration.signature.extras)

    def _open_slots(self) -> Iterator[tuple[int, Injected | None]]:
        """The declared dependencies that the caller has not supplied, each with its parameter."""
        for index, parameter in enumerate(self.declaration.owners):
            # A dependency beyond the parameters is not injected, but may be required.
            if parameter is None or self.supplied(parameter.name) is None:
                yield index, parameter
        for parameter in self.declaration.signature.slots[len(self.declaration.dependencies) :]:
            if self.supplied(parameter.name) is None:
                self.set(parameter.name, None)
        for name, (view, start) in self.declaration.views.items():
            if self.supplied(name) is None:
                from mesh.services.facade import Edges, facade

                function = self.declaration.mcp_name
                self.set(name, facade(Edges(self.member, function, start, view)))

    def _needs_it(self, index: int, parameter: Injected | None) -> bool:
        """Whether the call waits for a provider: a job may be submitted before there is one."""
        is_for_jobs = parameter is not None and parameter.kind is Kind.SUBMITTER
        return not is_for_jobs or self.declaration.dependencies[index].required

    def _target(self, index: int) -> Target | None:
        if self.member is None:
            return None
        return self.member.agent.slot(self.declaration.mcp_name, index)

    async def _settled(self, member: Membership, index: int) -> Target | None:
        import asyncio

        future: asyncio.Future[Target | None] = asyncio.get_running_loop().create_future()
        member.agent.await_slot(self.declaration.mcp_name, index, future)
        return await future

    def _place(
        self, index: int, parameter: Injected | None, target: Target | None, *, is_blocking: bool
    ) -> None:
        if target is None:
            selector = self.declaration.dependencies[index]
            if selector.required:
                raise self.refusal(selector.capability)
        if parameter is None or parameter.view is not None:
            return
        if parameter.kind is Kind.SUBMITTER:
            self.set(parameter.name, self._submitter(index, is_blocking=is_blocking))
            return
        if target is None or self.member is None:
            self.set(parameter.name, None)
            return
        from mesh.calling.proxies import AsyncProxy, BlockingProxy

        proxy = BlockingProxy if is_blocking else AsyncProxy
        function = self.declaration.mcp_name
        self.set(parameter.name, proxy(self.member, function, index, target))

    def refusal(self, capability: str) -> Exception:
        """What is raised when nobody provides a required dependency."""
        return unavailable(capability)

    def _submitter(self, index: int, *, is_blocking: bool) -> Any:
        if self.member is None:
            return None
        from mesh.working.submitter import BlockingJobSubmitter, JobSubmitter

        submitter = BlockingJobSubmitter if is_blocking else JobSubmitter
        return submitter(self.member, self.declaration.dependencies[index].capability)

    def supplied(self, name: str) -> Any:
        """What the caller has passed for a parameter, if anything."""
        position = self.declaration.signature.positions.get(name)
        if position is not None and position < len(self.args):
            return self.args[position]
        return self.kwargs.get(name)

    def set(self, name: str, value: Any) -> None:
        """Passes `value` for a parameter."""
        position = self.declaration.signature.positions.get(name)
        if position is not None and position < len(self.args):
            self.args = (*self.args[:position], value, *self.args[position + 1 :])
        else:
            self.kwargs[name] = value


def unavailable(capability: str) -> Exception:
    """The error of a call whose required dependency nobody provides: FastMCP hands a `ToolError`
    to the client as it is, and clients read this body."""
    from fastmcp.exceptions import ToolError

    body = {"error": "dependency_unavailable", "capability": capability}
    return ToolError(json.dumps(body, separators=(",", ":"), ensure_ascii=False))


def annotations_of(signature: inspect.Signature) -> dict[str, Any]:
    """The annotations that a function with this signature would have."""
    annotations = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    }
    if signature.return_annotation is not inspect.Signature.empty:
        annotations["return"] = signature.return_annotation
    return annotations
