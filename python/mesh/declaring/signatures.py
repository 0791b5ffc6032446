"""Signature analysis: which parameters of a tool the mesh fills, and what is left for callers."""

from __future__ import annotations

import inspect
import logging
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.types import McpMeshTool

logger = logging.getLogger("mesh")

INJECTED_NAMES = frozenset({"McpMeshTool", "McpMeshAgent"})
# The last part of each dotted name in an annotation that cannot be evaluated.
_LAST_NAME = re.compile(r"(?:\w+\.)*(\w+)")


class StrictDIError(ValueError):
    """Parameters and dependencies of a tool differ in number, and `MCP_MESH_STRICT_DI` is on."""


@dataclass(frozen=True, slots=True)
class ToolSignature:
    """A tool's parameters, taken apart."""

    # Names of the parameters that the mesh fills: the i-th belongs to the i-th dependency.
    injected: tuple[str, ...]
    # What callers and FastMCP see.
    visible: inspect.Signature
    # Where callers inside the process may pass the injected ones by position.
    positions: Mapping[str, int]


def analyse(function: Callable[..., Any], dependency_count: int) -> ToolSignature:
    """Finds the injected parameters of `function`, which declares so many dependencies."""
    complete = inspect.signature(function)
    hints = _hints(function, complete)
    injected = tuple(name for name in complete.parameters if _is_injected(hints.get(name)))
    if not injected and dependency_count:
        injected = _untyped_single(function, complete)
    visible = inspect.Signature(
        [
            parameter.replace(annotation=hints.get(name, parameter.annotation))
            for name, parameter in complete.parameters.items()
            if name not in injected
        ],
        return_annotation=hints.get("return", complete.return_annotation),
    )
    positions = {
        name: position
        for position, (name, parameter) in enumerate(complete.parameters.items())
        if name in injected and parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    }
    return ToolSignature(injected=injected, visible=visible, positions=positions)


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
            f"tool `{name}` has {injected} McpMeshTool parameters and declares "
            f"{dependencies} dependencies: the others stay None"
        )
    if strict:
        raise StrictDIError(problem)
    logger.warning("%s", problem)


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


def _is_injected(annotation: Any) -> bool:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        # `Optional[X]` and `X | None` alike; a container of tools is no tool.
        names = [
            name for name in _LAST_NAME.findall(annotation) if name not in ("None", "Optional")
        ]
        return len(names) == 1 and names[0] in INJECTED_NAMES
    if isinstance(annotation, type):
        return issubclass(annotation, McpMeshTool)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _is_injected(typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        return any(_is_injected(member) for member in typing.get_args(annotation))
    return False


def _untyped_single(function: Callable[..., Any], signature: inspect.Signature) -> tuple[str, ...]:
    parameters = list(signature.parameters.values())
    if len(parameters) != 1 or parameters[0].annotation is not inspect.Parameter.empty:
        return ()
    logger.warning(
        "the only parameter of `%s` is untyped and receives its first dependency; "
        "annotate it as mesh.McpMeshTool, later releases will require that",
        getattr(function, "__name__", function),
    )
    return (parameters[0].name,)
