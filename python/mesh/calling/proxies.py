"""The objects that stand for functions of other agents.

A proxy reads its slot in the wiring when it is called, so one that is kept follows the mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mesh.calling.calls import call, call_blocking
from mesh.types import McpMeshAgent

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.calling.membership import Membership


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
        target = self._wired().with_function(name)
        return await call(self._membership, target, arguments or {})


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
        target = self._wired().with_function(name)
        return call_blocking(self._membership, target, arguments or {})


def merged(arguments: object, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call that may name them in one dictionary, by keywords, or both."""
    if arguments is None:
        return dict(keywords)
    if not isinstance(arguments, Mapping):
        raise TypeError(
            f"a call takes keywords, or one dictionary of arguments, and not {arguments!r}"
        )
    return {**arguments, **keywords}
