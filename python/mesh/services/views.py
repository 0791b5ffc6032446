"""`@mesh.service` and `@mesh.selector`: a class whose methods are functions of other agents."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from mesh.declaring.arguments import Arguments
from mesh.declaring.places import declares, warn
from mesh.declaring.selectors import Selector, parse_selectors

T = TypeVar("T")
C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A decorated class, as tools depend on it."""

    cls: type
    # Each method's name and what it calls, by name; a tool's dependencies have this order.
    edges: tuple[tuple[str, Selector], ...]
    # How many methods have to have a provider before any of them may be called.
    min_available: int


@overload
def service(arg: C, *, min_available: int = 0) -> C: ...
@overload
def service(arg: None = None, *, min_available: int = 0) -> Callable[[C], C]: ...
@declares("@mesh.service")
def service(arg: Any = None, *, min_available: int = 0) -> Any:
    """Declares a class as a view of other agents' functions.

    Each of its public methods is `async def` and bears `@mesh.selector`; their bodies never run. A
    parameter of an `async def` tool that is annotated with the class gets an object of it. While
    fewer than `min_available` methods have a provider, each of them raises
    `MeshServiceUnavailableError`. Wrong classes and arguments raise `ValueError`.
    """
    check = Arguments("@mesh.service")
    least = check.integer("min_available", min_available, least=0) or 0

    def declare(cls: C) -> C:
        if not isinstance(cls, type):
            raise ValueError(f"@mesh.service decorates classes, got {cls!r}")
        edges = tuple(_edges(cls))
        if not edges:
            warn(f"`{cls.__name__}` has no methods with @mesh.selector")
        if least > len(edges):
            raise check.fail("min_available", f"at most {len(edges)}, as many as methods", least)
        cls.__mesh_service__ = ServiceView(cls, edges, least)  # type: ignore[attr-defined]
        if not hasattr(cls, "__get_pydantic_core_schema__"):
            cls.__get_pydantic_core_schema__ = classmethod(_any)  # type: ignore[attr-defined]
        return cls

    if arg is None:
        return declare
    if isinstance(arg, str):
        raise ValueError(
            f"@mesh.service takes no name: write @mesh.service over the class, without {arg!r}"
        )
    return declare(arg)


@declares("@mesh.selector")
def selector(
    capability: str,
    *,
    tags: Sequence[str | Sequence[str]] | None = None,
    version: str | None = None,
    required: bool = False,
    expected_type: Any = None,
    match_mode: str | None = None,
) -> Callable[[T], T]:
    """Says which function a method of a service view calls, as a dependency does.

    A tool does not run while a `required` one has no provider. Wrong arguments raise `ValueError`.
    """
    fields = {
        "capability": capability,
        "tags": tags,
        "version": version,
        "required": required,
        "expected_type": expected_type,
        "match_mode": match_mode,
    }
    try:
        (parsed,) = parse_selectors([fields])
    except ValueError as error:
        reason = str(error).removeprefix("dependencies[0]: ")
        raise ValueError(reason) from None

    def declare(function: T) -> T:
        function.__mesh_selector__ = parsed  # type: ignore[attr-defined]
        return function

    return declare


def view_of(annotation: Any) -> ServiceView | None:
    """The view with which a parameter is annotated, also as `View | None`."""
    view: ServiceView | None = getattr(annotation, "__mesh_service__", None)
    inner = (view_of(each) for each in typing.get_args(annotation))
    return view or next((each for each in inner if each is not None), None)


def check_views(
    function: Callable[..., Any], views: Sequence[ServiceView], counts: tuple[int, int]
) -> None:
    """Refuses views where they cannot work; `counts` are parameters for dependencies, and these."""
    if not views:
        return
    name, names = function.__name__, ", ".join(view.cls.__name__ for view in views)
    if not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
        raise ValueError(
            f"tool `{name}` has a parameter of the service {names}, whose methods are async: write "
            "`async def`"
        )
    parameters, dependencies = counts
    if parameters != dependencies:
        raise ValueError(
            f"tool `{name}` has parameters for {parameters} dependencies, declares {dependencies}, "
            f"and has a parameter of the service {names}, whose own come after them: declare one "
            "for each McpMeshTool or MeshJob parameter, and none for the service"
        )


def _any(_cls: type, _source: Any, _handler: Any) -> Any:
    # FastMCP builds a schema of every parameter before `@mesh.tool`, when that one stands above
    # `@app.tool()`, can hide the injected ones.
    from pydantic_core import core_schema

    return core_schema.any_schema()


def _edges(cls: type) -> Iterator[tuple[str, Selector]]:
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        method = inspect.getattr_static(cls, name)
        parsed = getattr(method, "__mesh_selector__", None)
        if parsed is None and not isinstance(method, (staticmethod, classmethod)):
            if inspect.isfunction(method):
                raise ValueError(
                    f"@mesh.service: `{cls.__name__}.{name}` has no @mesh.selector: give it one, "
                    "or a name that begins with an underscore"
                )
            continue
        if parsed is None:
            continue
        if not inspect.iscoroutinefunction(method):
            raise ValueError(
                f"@mesh.service: `{cls.__name__}.{name}` must be `async def`, since it calls "
                "another agent"
            )
        yield name, parsed
