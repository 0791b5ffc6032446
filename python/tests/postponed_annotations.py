"""Functions of a module with postponed annotations, for the signature tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import mesh
from mesh.types import McpMeshTool

if TYPE_CHECKING:
    from somewhere import Unknown


def plain(a: int, dep: mesh.McpMeshTool = None) -> str:
    return f"{a}{dep}"


def by_name(a: int, dep: McpMeshTool | None = None) -> str:
    return f"{a}{dep}"


def optional(dep: Optional[mesh.McpMeshTool] = None) -> str:  # noqa: UP045
    return f"{dep}"


def beside_an_unknown_name(x: Unknown, dep: mesh.McpMeshTool | None = None) -> Unknown:
    return x or dep
