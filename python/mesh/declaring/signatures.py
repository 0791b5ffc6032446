"""Signature analysis: which parameters of a tool the mesh fills, and what is left for callers."""

from __future__ import annotations

import inspect
import logging
import re
import types
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mesh.declaring.places import warn
from mesh.services.views import ServiceView, view_of
from mesh.types import McpMeshTool, MeshJob, MeshLlmAgent

logger = logging.getLogger("mesh")


class Kind(Enum):
    """What an injected parameter is filled with."""

    # The function of another agent.
    TOOL = "tool"
    # What submits jobs for another agent's task.
    SUBMITTER = "submitter"
    # The job that a task works on.
    CONTROLLER = "controller"
    # An object whose methods are functions of other agents.
    SERVICE = "service"
    # What asks an LLM.
    LLM = "llm"


# The kinds that stand for a dependency.
SLOT_KINDS = frozenset({Kind.TOOL, Kind.SUBMITTER})
# What annotates each kind; a subclass counts as well.
MARKERS: tuple[tuple[type, Kind], ...] = (
    (McpMeshTool, Kind.TOOL),
    (MeshJob, Kind.SUBMITTER),
    (MeshLlmAgent, Kind.LLM),
)
# The same by name, for annotations that cannot be evaluated.
NAMES = {
    "McpMeshTool": Kind.TOOL,
    "McpMeshAgent": Kind.TOOL,
    "MeshJob": Kind.SUBMITTER,
    "MeshLlmAgent": Kind.LLM,
}
# What the annotation of a stream may be; the first argument is the item.
STREAMS = (AsyncIterator, AsyncIterable, AsyncGenerator)
# The last part of each dotted name in an annotation that cannot be evaluated.
_LAST_NAME = re.compile(r"(?:\w+\.)*(\w+)")


class StrictDIError(ValueError):
    """Parameters and dependencies of a tool differ in number, and `MCP_MESH_STRICT_DI` is on."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A parameter that the mesh fills."""

    name: str
    kind: Kind
    # Of the kind `SERVICE`.
    view: ServiceView | None = None


@dataclass(frozen=True, slots=True)
class ToolSignature:
    """A tool's parameters, taken apart."""

    # The i-th is filled with the i-th dependency.
    slots: tuple[Injected, ...]
    # Filled with something else than a dependency.
    extras: tuple[Injected, ...]
    # What callers and FastMCP see.
    visible: inspect.Signature
    # Whether it hands its text out piece by piece; then `visible` returns the joined text.
    is_stream: bool
    # Where callers inside the process may pass the injected ones by position.
    positions: Mapping[str, int]


def analyse(
    function: Callable[..., Any], dependency_count: int, *, is_task: bool = False
) -> ToolSignature:
    """Finds the injected parameters of `function`, which declares so many dependencies.

    In a task a `MeshJob` is the job itself. Two of them raise `ValueError`.
    """
    complete = inspect.signature(function)
    hints = _hints(function, complete)
    kinds = {name: _kind(hints.get(name)) for name in complete.parameters}
    injected = [
        Injected(name, kind, view_of(hints[name]) if kind is Kind.SERVICE else None)
        for name, kind in kinds.items()
        if kind is not None
    ]
    if not injected and dependency_count:
        injected = _untyped_single(function, complete)
    injected = _with_job(function, injected, is_task=is_task)
    hidden = {each.name for each in injected}
    returned = hints.get("return", complete.return_annotation)
    is_stream = streams_text(function, returned)
    visible = inspect.Signature(
        [
            parameter.replace(annotation=hints.get(name, parameter.annotation))
            for name, parameter in complete.parameters.items()
            if name not in hidden
        ],
        return_annotation=str if is_stream else returned,
    )
    positions = {
        name: position
        for position, (name, parameter) in enumerate(complete.parameters.items())
        if name in hidden and parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    }
    return ToolSignature(
        slots=tuple(each for each in injected if each.kind in SLOT_KINDS),
        extras=tuple(each for each in injected if each.kind not in SLOT_KINDS),
        visible=visible,
        is_stream=is_stream,
        positions=positions,
    )


def _with_job(
    function: Callable[..., Any], injected: list[Injected], *, is_task: bool
) -> list[Injected]:
    jobs = [each.name for each in injected if each.kind is Kind.SUBMITTER]
    if len(jobs) > 1:
        name = getattr(function, "__name__", function)
        raise ValueError(
            f"tool `{name}` has {len(jobs)} MeshJob parameters ({', '.join(jobs)}); it may have one"
        )
    if not is_task:
        return injected
    return [
        Injected(each.name, Kind.CONTROLLER) if each.name in jobs else each for each in injected
    ]


def streams_text(function: Callable[..., Any], returned: Any) -> bool:
    """Whether `function`, annotated to return `returned`, is a stream; of anything but text is a
    `ValueError`."""
    is_annotated = typing.get_origin(returned) in STREAMS
    if is_annotated and (item := typing.get_args(returned)[0]) is not str:
        raise ValueError(
            f"`{getattr(function, '__name__', function)}` returns a stream of "
            f"{getattr(item, '__name__', item)}: streams are of text, annotate it as "
            "mesh.Stream[str]"
        )
    return is_annotated or inspect.isasyncgenfunction(function)


def check_counts(name: str, injected: int, dependencies: int, *, strict: bool) -> None:
    """Compares the number of parameters with the number of dependencies."""
    if injected == dependencies:
        return
    if injected < dependencies:
        problem = (
            f"tool `{name}` declares {dependencies} dependencies and has parameters for "
            f"{injected}: the others are declared to the registry and not injected"
        )
    else:
        problem = (
            f"tool `{name}` has {injected} parameters for dependencies and declares "
            f"{dependencies} dependencies: the others stay None"
        )
    if strict:
        raise StrictDIError(problem)
    warn(problem)


def _hints(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:
        # One name that exists only for type checkers must not hide the others.
        logger.debug("annotations of %r are read one by one", function, exc_info=True)
    hints = {
        name: _evaluated(parameter.annotation, function)
        for name, parameter in signature.parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    }
    if signature.return_annotation is not inspect.Signature.empty:
        hints["return"] = _evaluated(signature.return_annotation, function)
    return hints


def _evaluated(annotation: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return eval(annotation, scope)  # noqa: S307  the program's own source
    except Exception:
        return annotation  # Compared by name, and by FastMCP if it can.


def _kind(annotation: Any) -> Kind | None:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        # `Optional[X]` and `X | None` alike; a container of tools is no tool.
        names = [
            name for name in _LAST_NAME.findall(annotation) if name not in ("None", "Optional")
        ]
        return NAMES.get(names[0]) if len(names) == 1 else None
    if isinstance(annotation, type):
        if view_of(annotation) is not None:
            return Kind.SERVICE
        return next((kind for marker, kind in MARKERS if issubclass(annotation, marker)), None)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        kinds = (_kind(member) for member in typing.get_args(annotation))
        return next((kind for kind in kinds if kind is not None), None)
    return None


def _untyped_single(function: Callable[..., Any], signature: inspect.Signature) -> list[Injected]:
    parameters = list(signature.parameters.values())
    if len(parameters) != 1 or parameters[0].annotation is not inspect.Parameter.empty:
        return []
    name = getattr(function, "__name__", function)
    warn(
        f"the only parameter of `{name}` is untyped and receives its first dependency; "
        "annotate it as mesh.McpMeshTool, later releases will require that"
    )
    return [Injected(parameters[0].name, Kind.TOOL)]
