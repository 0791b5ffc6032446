"""The routes of a FastAPI application, as far as the mesh is concerned."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mesh.declaring.catalogue import ToolDeclaration


class MisplacedRouteError(Exception):
    """`@mesh.route` stands where FastAPI does not see it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path and what answers it."""

    path: str
    methods: tuple[str, ...]
    # None where an application is mounted.
    function: Any


def endpoints(application: Any) -> list[Endpoint]:
    """All that answers requests, included routers and mounted applications among them."""
    return list(_endpoints(application.routes, ""))


def mesh_routes(
    found: Iterable[Endpoint], declared: Iterable[ToolDeclaration]
) -> dict[str, ToolDeclaration]:
    """The declared endpoints by the names that the registry knows them by, `METHOD:/path`."""
    plain = {inspect.unwrap(each.function): each for each in declared}
    routes: dict[str, ToolDeclaration] = {}
    for endpoint in found:
        declaration: ToolDeclaration | None = getattr(endpoint.function, "__mesh_route__", None)
        if declaration is None:
            _refuse_misplaced(endpoint, plain)
            continue
        for method in endpoint.methods or ("WEBSOCKET",):
            routes[f"{method}:{endpoint.path}"] = declaration
    return routes


def _endpoints(routes: Iterable[Any], prefix: str) -> Iterator[Endpoint]:
    for route in _flat(routes):
        path = prefix + (getattr(route, "path", None) or "")
        function = getattr(route, "endpoint", None)
        if function is not None:
            # HEAD comes along with every GET of Starlette's own routes.
            methods = sorted((getattr(route, "methods", None) or set()) - {"HEAD"})
            yield Endpoint(path, tuple(methods), function)
        else:
            yield Endpoint(path, (), None)
            # A mounted application, if it has routes.
            yield from _endpoints(getattr(route, "routes", None) or (), path)


def _flat(routes: Iterable[Any]) -> Iterable[Any]:
    """Routes with the paths that they are served at; recent releases of FastAPI keep included
    routers as they are, and have a function that looks into them."""
    from fastapi import routing

    contexts = getattr(routing, "iter_route_contexts", None)
    return routes if contexts is None else contexts(list(routes))


def _refuse_misplaced(endpoint: Endpoint, declared: dict[Any, ToolDeclaration]) -> None:
    if not inspect.isroutine(endpoint.function):
        return
    declaration = declared.get(inspect.unwrap(endpoint.function))
    if declaration is not None:
        raise MisplacedRouteError(
            f"@mesh.route of `{declaration.name}` at {declaration.location} stands above the "
            f"decorator that makes it the endpoint of {endpoint.path}: FastAPI calls it without "
            "its dependencies; put @mesh.route directly above the function"
        )
