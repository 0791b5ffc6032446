"""What a tool gets for a service view: an object whose methods call other agents."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mesh.calling.injection import unavailable
from mesh.calling.proxies import AsyncProxy

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.calling.membership import Membership
    from mesh.services.views import ServiceView


class MeshServiceUnavailableError(Exception):
    """Fewer methods of a service have a provider than it says it needs."""

    def __init__(
        self, service: str, methods_available: int, methods_total: int, min_available: int
    ) -> None:
        super().__init__(
            f"the service {service} is not available: {methods_available} of its {methods_total} "
            f"methods have a provider, and it needs {min_available}"
        )
        self.service = service
        self.methods_available = methods_available
        self.methods_total = methods_total
        self.min_available = min_available


@dataclass(frozen=True, slots=True)
class Edges:
    """The providers of a view's methods, as one tool sees them."""

    member: Membership | None
    # The tool's name in the mesh, and which of its dependencies is the first method's.
    function: str
    start: int
    view: ServiceView

    def proxy(self, position: int) -> AsyncProxy:
        """What calls the provider of a method; raises when there is none."""
        view = self.view
        if view.min_available:
            available = sum(self._target(each) is not None for each in range(len(view.edges)))
            if available < view.min_available:
                raise MeshServiceUnavailableError(
                    view.cls.__name__, available, len(view.edges), view.min_available
                )
        target = self._target(position)
        if target is None or self.member is None:
            raise unavailable(view.edges[position][1].capability)
        return AsyncProxy(self.member, self.function, self.start + position, target)

    def _target(self, position: int) -> Target | None:
        if self.member is None:
            return None
        return self.member.agent.slot(self.function, self.start + position)


def facade(edges: Edges) -> Any:
    """An object of the view's class."""
    kind = _facade_type(edges.view)
    made: Any = object.__new__(kind)
    object.__setattr__(made, "_mesh_edges", edges)
    return made


@functools.cache
def _facade_type(view: ServiceView) -> type:
    methods = {
        name: _method(view.cls.__name__, name, position)
        for position, (name, _) in enumerate(view.edges)
    }
    return type(view.cls.__name__, (view.cls,), {**methods, "__repr__": _repr})


def _method(service: str, name: str, position: int) -> Callable[..., Any]:
    async def method(
        self: Any,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        edges: Edges = self._mesh_edges
        return await edges.proxy(position)(arguments, headers=headers, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"{service}.{name}"
    return method


def _repr(self: Any) -> str:
    edges: Edges = self._mesh_edges
    return f"<service {edges.view.cls.__name__} of {edges.function}>"
