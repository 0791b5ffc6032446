"""Contexts of prompt templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from mesh.asking.mesh_llm_agent import ContextMode

MODES = ("append", "prepend", "replace")


class MeshContextModel(BaseModel):
    """What the template of a system prompt sees, as a parameter of a tool.

    Fields that it does not have are refused; their descriptions stand in the tool's schema.
    """

    model_config = ConfigDict(extra="forbid")


def values(context: Any, where: str) -> dict[str, Any]:
    """The names that a template sees; raises `TypeError` for what has none."""
    if context is None:
        return {}
    if isinstance(context, BaseModel):
        return context.model_dump()
    if isinstance(context, Mapping):
        return {str(name): value for name, value in context.items()}
    raise TypeError(
        f"{where} is the context of a template, so it must be a dictionary or a model; it is "
        f"{context!r}"
    )


def merged(own: Mapping[str, Any], added: Mapping[str, Any], mode: ContextMode) -> dict[str, Any]:
    """The parameter's context and that of a call in one; raises `ValueError`."""
    if mode == "append":
        return {**own, **added}
    if mode == "prepend":
        return {**added, **own}
    if mode == "replace":
        return dict(added)
    raise ValueError(f"context_mode must be one of {', '.join(MODES)}, got {mode!r}")
