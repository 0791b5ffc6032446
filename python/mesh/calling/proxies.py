"""The objects that stand for functions of other agents.

A proxy reads its slot in the wiring when it is called, so one that is kept follows the mesh.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mesh.calling import mcp_methods, sessions
from mesh.calling.calls import call, call_blocking
from mesh.calling.streaming import ProgressHandler, blocking, on_loop, reported, stream
from mesh.types import McpMeshAgent

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.calling.membership import Membership

T = TypeVar("T")


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

    def _named(self, name: str | None) -> Target:
        return self._wired() if name is None else self._wired().with_function(name)


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
        return await call(self._membership, self._wired(), merged(arguments, kwargs), headers)

    async def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Calls another function of the same agent."""
        return await call(self._membership, self._named(name), arguments or {})

    def stream(
        self, name: str | None = None, *, headers: Mapping[str, str] | None = None, **args: Any
    ) -> AsyncGenerator[str, None]:
        """Calls the function and iterates over what it says."""
        return stream(self._membership, self._named(name), args, headers)

    def call_tool_streaming(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        progress_handler: ProgressHandler | None = None,
    ) -> AsyncGenerator[str, None]:
        """The same with the arguments in one dictionary."""
        pieces = stream(self._membership, self._named(name), arguments or {})
        return reported(pieces, progress_handler)

    async def list_tools(self) -> list[Any]:
        """The tools of the same agent."""
        return await mcp_methods.list_tools(self._membership, self._wired())

    async def list_resources(self) -> list[Any]:
        """The resources of the same agent."""
        return await mcp_methods.list_resources(self._membership, self._wired())

    async def read_resource(self, uri: str) -> list[Any]:
        """The contents of a resource."""
        return await mcp_methods.read_resource(self._membership, self._wired(), uri)

    async def list_prompts(self) -> list[Any]:
        """The prompts of the same agent."""
        return await mcp_methods.list_prompts(self._membership, self._wired())

    async def get_prompt(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """A prompt with its arguments filled in."""
        return await mcp_methods.get_prompt(self._membership, self._wired(), name, arguments)

    async def create_session(self) -> str:
        """An id for calls that belong together."""
        return sessions.new_session()

    async def call_with_session(self, session_id: str, **kwargs: Any) -> Any:
        """Calls the function as a part of a session."""
        target = self._wired()
        arguments, session = sessions.within(session_id, target, kwargs)
        return await call(self._membership, target, arguments, session)

    async def close_session(self, session_id: str) -> bool:
        """Ends a session."""
        return bool(session_id)


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
        return call_blocking(self._membership, self._wired(), merged(arguments, kwargs), headers)

    def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Calls another function of the same agent and waits for its result."""
        return call_blocking(self._membership, self._named(name), arguments or {})

    def stream(
        self, name: str | None = None, *, headers: Mapping[str, str] | None = None, **args: Any
    ) -> Generator[str, None, None]:
        """Calls the function and iterates over what it says."""
        pieces = stream(self._membership, self._named(name), args, headers)
        return blocking(self._membership, pieces)

    def call_tool_streaming(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        progress_handler: ProgressHandler | None = None,
    ) -> Generator[str, None, None]:
        """The same with the arguments in one dictionary."""
        pieces = stream(self._membership, self._named(name), arguments or {})
        return blocking(self._membership, reported(pieces, progress_handler))

    def list_tools(self) -> list[Any]:
        """The tools of the same agent."""
        return self._ask(mcp_methods.list_tools)

    def list_resources(self) -> list[Any]:
        """The resources of the same agent."""
        return self._ask(mcp_methods.list_resources)

    def read_resource(self, uri: str) -> list[Any]:
        """The contents of a resource."""
        return self._ask(mcp_methods.read_resource, uri)

    def list_prompts(self) -> list[Any]:
        """The prompts of the same agent."""
        return self._ask(mcp_methods.list_prompts)

    def get_prompt(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """A prompt with its arguments filled in."""
        return self._ask(mcp_methods.get_prompt, name, arguments)

    def create_session(self) -> str:
        """An id for calls that belong together."""
        return sessions.new_session()

    def call_with_session(self, session_id: str, **kwargs: Any) -> Any:
        """Calls the function as a part of a session."""
        target = self._wired()
        arguments, session = sessions.within(session_id, target, kwargs)
        return call_blocking(self._membership, target, arguments, session)

    def close_session(self, session_id: str) -> bool:
        """Ends a session."""
        return bool(session_id)

    def _ask(self, method: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        membership, target = self._membership, self._wired()
        return on_loop(membership, lambda: method(membership, target, *arguments))


def merged(arguments: object, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that may name them in one dictionary, by keywords, or both."""
    if arguments is None:
        return dict(keywords)
    if not isinstance(arguments, Mapping):
        raise TypeError(
            f"a call takes keywords, or one dictionary of arguments, and not {arguments!r}"
        )
    return {**arguments, **keywords}
