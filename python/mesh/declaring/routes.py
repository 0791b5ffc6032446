"""`@mesh.route`: endpoints of a FastAPI application that use functions of agents."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from mesh.calling.endpoints import wrap_endpoint
from mesh.declaring.arguments import drop_legacy
from mesh.declaring.catalogue import ToolDeclaration, catalogue
from mesh.declaring.location import Location
from mesh.declaring.places import declares
from mesh.declaring.selectors import Selector, parse_selectors
from mesh.declaring.signatures import analyse, check_counts
from mesh.serving.environment import read_flag

F = TypeVar("F", bound=Callable[..., Any])

DECORATOR = "@mesh.route"


@declares(DECORATOR)
def route(
    misplaced: object = None,
    /,
    *,
    dependencies: Sequence[Any] | None = None,
    **metadata: Any,
) -> Callable[[F], F]:
    """Declares what an endpoint of a FastAPI application needs from agents.

    It stands under the decorator of FastAPI. `dependencies[i]` is injected into the i-th parameter
    that is annotated as `McpMeshTool` or `MeshJob`; FastAPI does not see these and treats all
    others as usual. A request whose required dependency nobody provides is answered with 503.
    A return annotation `mesh.Stream[str]` makes the answer a stream of Server-Sent Events. The
    application is registered while its server runs. Wrong arguments raise `ValueError`.
    """
    if misplaced is not None:
        raise ValueError(
            "@mesh.route takes keywords: write @mesh.route() or @mesh.route(dependencies=[...])"
        )
    drop_legacy(metadata)
    selectors = parse_selectors(dependencies)

    def declare(target: F) -> F:
        declaration = endpoint_declaration(DECORATOR, target, selectors, kwargs=metadata)
        if not read_flag(os.environ, "MCP_MESH_ENABLED", default=True):
            return target
        catalogue.add_route(declaration)
        declaration.wrapper = wrap_endpoint(declaration)
        declaration.wrapper._mesh_route_metadata = {  # type: ignore[attr-defined]
            "dependencies": list(dependencies or ()),
            **metadata,
        }
        from mesh.serving.applications import follow_applications

        follow_applications()
        return declaration.wrapper  # type: ignore[return-value]

    return declare


def endpoint_declaration(
    decorator: str,
    function: Any,
    selectors: tuple[Selector, ...],
    *,
    tags: tuple[str, ...] = (),
    description: str | None = None,
    kwargs: Mapping[str, Any],
) -> ToolDeclaration:
    """A function that answers requests from outside the mesh. Raises `ValueError`."""
    if not inspect.isroutine(function):
        raise ValueError(f"{decorator} decorates functions, got {function!r}")
    signature = analyse(function, len(selectors))
    location = Location.of_function(function)
    for parameter in signature.extras:
        raise ValueError(
            f"{decorator} at {location}: parameter `{parameter.name}` of `{function.__name__}` "
            "cannot be injected here; requests from outside the mesh take McpMeshTool and MeshJob"
        )
    check_counts(
        function.__name__,
        len(signature.slots),
        len(selectors),
        strict=read_flag(os.environ, "MCP_MESH_STRICT_DI", default=False),
    )
    return ToolDeclaration(
        function=function,
        name=function.__name__,
        signature=signature,
        capability=None,
        version="1.0.0",
        description=description,
        tags=tags,
        dependencies=selectors,
        output_schema_strict=False,
        kwargs=kwargs,
        location=location,
    )
