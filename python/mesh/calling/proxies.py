"""The objects that stand for functions of other agents.

A proxy reads its slot in the wiring when it is called, so one that is kept follows the mesh.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mesh.calling.headers import received, time_budget
from mesh.calling.membership import Membership, to_json
from mesh.calling.streams import joined
from mesh.types import McpMeshAgent

if TYPE_CHECKING:
    from mesh._mesh import Target


class Proxy(McpMeshAgent):
    """What both kinds of proxies share. Derives from the deprecated name as well, so that
    `isinstance` holds for either annotation."""

    __slots__ = ("_function", "_index", "_membership", "_target")

    def __init__(self, membership: Membership, function: str, index: int, target: Target) -> None:
        self._membership = membership
        self._function = function
        self._index = index
        self._target = target

    def __repr__(self) -> str:
        target = self._wired()
        return f"<{type(self).__name__} {target.capability} -> {target.agent_id} {target.endpoint}>"

    def _wired(self) -> Target:
        # A provider that has just left may still answer; if not, the error names it.
        target = self._membership.agent.slot(self._function, self._index)
        if target is not None:
            self._target = target
        return self._target

    def _request(
        self, arguments: Mapping[str, Any], headers: Mapping[str, str] | None
    ) -> tuple[str, float, list[tuple[str, str]]]:
        membership = self._membership
        return (
            to_json(arguments),
            time_budget(membership.call_timeout),
            membership.headers.outbound(headers),
        )

    def _received(self, headers: Mapping[str, str] | None) -> AbstractContextManager[None]:
        membership, rules = self._membership, self._membership.headers
        request = rules.capture(rules.outbound(headers))
        return received(replace(request, timeout=time_budget(membership.call_timeout)))


class AsyncProxy(Proxy):
    """Injected into `async def` tools: every call is awaited."""

    __slots__ = ()

    async def __call__(
        self,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Calls the function."""
        return await self._call(self._wired(), {**(arguments or {}), **kwargs}, headers)

    async def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Calls another function of the same agent."""
        return await self._call(self._wired().with_function(name), arguments or {}, None)

    async def _call(
        self, target: Target, arguments: Mapping[str, Any], headers: Mapping[str, str] | None
    ) -> Any:
        membership = self._membership
        if membership.is_self(target):
            with self._received(headers):
                return await call_self(membership.own_tools[target.function_name], arguments)
        future = asyncio.get_running_loop().create_future()
        call = membership.agent.call(target, self._request(arguments, headers), future)
        try:
            return await future
        except asyncio.CancelledError:
            call.cancel()
            raise
        except RuntimeError as error:
            raise_superseded(error)
            raise


class BlockingProxy(Proxy):
    """Injected into `def` tools, which run in threads: a call returns the result itself."""

    __slots__ = ()

    def __call__(
        self,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Calls the function and waits for its result."""
        return self._call(self._wired(), {**(arguments or {}), **kwargs}, headers)

    def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Calls another function of the same agent and waits for its result."""
        return self._call(self._wired().with_function(name), arguments or {}, None)

    def _call(
        self, target: Target, arguments: Mapping[str, Any], headers: Mapping[str, str] | None
    ) -> Any:
        membership = self._membership
        if membership.is_self(target):
            function = membership.own_tools[target.function_name]
            with self._received(headers):
                return call_self_blocking(function, arguments, membership.loop)
        try:
            return membership.agent.call_blocking(target, self._request(arguments, headers))
        except RuntimeError as error:
            raise_superseded(error)
            raise


async def call_self(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Calls an own tool without leaving the process; fails as a remote one does."""
    try:
        if is_async(function):
            return await run_async(function, arguments)
        return await asyncio.to_thread(function, **arguments)
    except Exception as error:
        raise as_remote(error) from error


def call_self_blocking(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    loop: asyncio.AbstractEventLoop,
) -> Any:
    """Calls an own tool from a tool that runs in a thread."""
    try:
        if not is_async(function):
            return function(**arguments)
        if _running_loop() is loop:
            raise RuntimeError(
                "a `def` tool on the event loop cannot wait for an `async def` tool of the same "
                "agent: make it `async def`"
            )
        return asyncio.run_coroutine_threadsafe(run_async(function, arguments), loop).result()
    except Exception as error:
        raise as_remote(error) from error


def is_async(function: Callable[..., Any]) -> bool:
    """Whether an own tool runs on an event loop."""
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


async def run_async(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """The result of an own tool that is async; of a stream that is its whole text."""
    if inspect.isasyncgenfunction(function):
        return await joined(function.__name__, function(**arguments))
    return await function(**arguments)


def as_remote(error: Exception) -> RuntimeError:
    """What the caller of a remote tool would see of `error`."""
    raise_superseded(error)
    return error if isinstance(error, RuntimeError) else RuntimeError(str(error))


def raise_superseded(error: Exception) -> None:
    """Raises `SupersededError` when that is what a tool's error says."""
    if "claim_superseded" not in str(error):
        return
    from mesh.calling.superseded import SupersededError, detail_of

    is_superseded, detail = detail_of(str(error))
    if is_superseded:
        raise SupersededError(detail) from None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
