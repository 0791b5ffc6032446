"""Sessions: an id that several calls of one function share, sent in a header of its own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesh._mesh import Target

SESSION_HEADER = "x-mesh-session-id"


def new_session() -> str:
    """An id that nobody else has."""
    return f"session:{secrets.token_hex(8)}"


def within(
    session_id: str, target: Target, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Arguments and headers of a call within a session. Functions may have an argument of that name
    for purposes of their own, so only one that asks for sessions gets it."""
    is_wanted = bool((target.kwargs() or {}).get("session_required"))
    argument = {"session_id": session_id} if is_wanted else {}
    return {**arguments, **argument}, {SESSION_HEADER: session_id}
