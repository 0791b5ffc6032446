"""What `mesh.a2a` declares: a skill at a path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesh.declaring.catalogue import ToolDeclaration


@dataclass(frozen=True, slots=True)
class Surface:
    """One skill of an application."""

    path: str
    skill_id: str
    skill_name: str
    description: str | None
    input_modes: tuple[str, ...]
    output_modes: tuple[str, ...]
    tags: tuple[str, ...]
    # Whether a request has to bring a bearer token. The program decides whether it is a good one.
    needs_bearer: bool
    handler: ToolDeclaration
    # None when any application of the program may have it.
    application: Any = None
