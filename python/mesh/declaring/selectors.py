"""Dependency selectors: what a tool asks of the mesh.

A selector is written as a capability's name or as a dictionary; both become a `Selector`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from mesh.declaring.places import did_you_mean, warn

MatchMode = Literal["subset", "strict"]
# `namespace` is part of the wire format although no registry looks at it.
KNOWN_KEYS = frozenset(
    {"capability", "tags", "version", "required", "expected_type", "match_mode", "namespace"}
)


@dataclass(frozen=True, slots=True)
class Selector:
    """One dependency, in the terms of the registry."""

    capability: str
    # An item that is a tuple is a group of which one tag must match.
    tags: tuple[str | tuple[str, ...], ...] = ()
    version: str | None = None
    required: bool = False
    # A type or a JSON Schema; looked at when the agent starts, because it needs pydantic.
    expected_type: Any = None
    match_mode: MatchMode | None = None


def parse_selectors(dependencies: object) -> tuple[Selector, ...]:
    """Reads the `dependencies` argument of a decorator; raises `ValueError`."""
    if dependencies is None:
        return ()
    if isinstance(dependencies, (str, Mapping)) or not isinstance(dependencies, Sequence):
        raise ValueError(
            "dependencies must be a list of capability names or dictionaries, "
            f"got {type(dependencies).__name__}"
        )
    return tuple(_parse(item, index) for index, item in enumerate(dependencies))


def parse_tags(value: object, where: str) -> tuple[str | tuple[str, ...], ...]:
    """Reads the tags of a selector, which `where` names; raises `ValueError`."""
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{where}: tags must be a list of strings, got {value!r}")
    return tuple(_tag(tag, where) for tag in value)


def _parse(item: object, index: int) -> Selector:
    where = f"dependencies[{index}]"
    if isinstance(item, str):
        return Selector(capability=_capability(item, where))
    if not isinstance(item, Mapping):
        raise ValueError(
            f"{where} must be a capability name or a dictionary, got {type(item).__name__}"
        )
    fields = cast("Mapping[str, Any]", item)
    unknown = sorted(str(key) for key in fields if key not in KNOWN_KEYS)
    for key in unknown:
        warn(f"{where}: the unknown key `{key}` is ignored{did_you_mean(key, KNOWN_KEYS)}")
    required = fields.get("required", False)
    if not isinstance(required, bool):
        raise ValueError(f"{where}: required must be a bool, got {required!r}")
    version = fields.get("version")
    if version is not None and not isinstance(version, str):
        raise ValueError(
            f"{where}: version must be a constraint such as '>=1.0.0', got {version!r}"
        )
    capability = _capability(fields.get("capability"), where)
    expected_type = fields.get("expected_type")
    return Selector(
        capability=capability,
        tags=parse_tags(fields.get("tags"), where),
        version=version,
        required=required,
        expected_type=expected_type,
        match_mode=_match_mode(fields.get("match_mode"), expected_type, where),
    )


def _capability(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: capability must be a non-empty string, got {value!r}")
    return value


def _tag(value: object, where: str) -> str | tuple[str, ...]:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(tag, str) for tag in value):
        return tuple(value)
    raise ValueError(f"{where}: a tag must be a string or a list of strings, got {value!r}")


def _match_mode(value: object, expected_type: object, where: str) -> MatchMode | None:
    if value is None:
        return None if expected_type is None else "subset"
    if value not in ("subset", "strict"):
        raise ValueError(f"{where}: match_mode must be 'subset' or 'strict', got {value!r}")
    if expected_type is None:
        warn(f"{where}: match_mode has no effect without expected_type")
        return None
    return value
