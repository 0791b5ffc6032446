"""What an A2A agent says of a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, Any]

COMPLETED = "completed"
# The protocol spells it with one l; some agents do not.
CANCELED = ("canceled", "cancelled")
TERMINAL = frozenset({COMPLETED, "failed", "rejected", *CANCELED})


class A2AJobError(RuntimeError):
    """An A2A agent refused a request, or a task of it did not end well."""


class A2AJobFailed(A2AJobError):  # noqa: N818  the name is public
    """The task failed; the text is the agent's."""


class A2AJobCanceled(A2AJobError):  # noqa: N818  the name is public
    """Somebody canceled the task."""


@dataclass(frozen=True, slots=True)
class A2AResponse:
    """A task that has ended."""

    # What it brought, as text; empty for nothing. Data that is no text is JSON.
    artifact_text: str
    # `completed`, `failed` or `canceled`.
    state: str
    task_id: str
    # The task as the agent sent it.
    raw_task: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class A2AEvent:
    """Something that happened to a task."""

    # `status` or `artifact`.
    kind: str
    state: str | None = None
    # From 0 to 1, if the agent tells.
    progress: float | None = None
    message: str | None = None
    artifact_text: str | None = None
    # Whether it is the last one.
    final: bool = False
    # The JSON-RPC message.
    raw: Fields = field(default_factory=dict)


def state_of(task: Mapping[str, Any]) -> str:
    """The state of a task; empty when it has none."""
    state = _mapping(task.get("status")).get("state")
    return state if isinstance(state, str) else ""


def message_of(task: Mapping[str, Any]) -> str | None:
    """What the agent says about the state."""
    return _text(_mapping(_mapping(task.get("status")).get("message"))) or None


def progress_of(task: Mapping[str, Any]) -> float | None:
    """How far the task is."""
    for place in (task, _mapping(task.get("status"))):
        progress = _mapping(place.get("metadata")).get("progress")
        if isinstance(progress, (int, float)) and not isinstance(progress, bool):
            return float(progress)
    return None


def artifact_of(task: Mapping[str, Any]) -> str:
    """The text of a task's first artifact."""
    artifacts = task.get("artifacts")
    return _text(_mapping(artifacts[0])) if isinstance(artifacts, list) and artifacts else ""


def response_of(task_id: str, task: Fields) -> A2AResponse:
    """A task that has ended."""
    return A2AResponse(artifact_of(task), state_of(task), task_id, task)


def event_of(message: Fields) -> A2AEvent:
    """The event that a message of a stream tells."""
    result = _mapping(message.get("result"))
    artifact = result.get("artifact")
    is_final = result.get("final") is True
    if artifact is not None:
        text = _text(_mapping(artifact))
        return A2AEvent("artifact", artifact_text=text, final=is_final, raw=message)
    return A2AEvent(
        "status",
        state=state_of(result) or None,
        progress=progress_of(result),
        message=message_of(result),
        final=is_final,
        raw=message,
    )


def raise_unless_completed(task_id: str, state: str, message: str | None) -> None:
    """Raises what a task that ended in another state means."""
    if state in CANCELED:
        raise A2AJobCanceled(message or f"A2A task {task_id} was canceled")
    if state != COMPLETED:
        raise A2AJobFailed(message or f"A2A task {task_id} ended as {state or 'nothing'}")


def value_of(text: str) -> Any:
    """What a job returns for an artifact: objects and lists are read, other texts stay texts."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(holder: Mapping[str, Any]) -> str:
    """The text of the parts of a message or an artifact."""
    parts = holder.get("parts")
    texts = [_part(_mapping(part)) for part in parts] if isinstance(parts, list) else []
    return "".join(texts)


def _part(part: Mapping[str, Any]) -> str:
    text, data = part.get("text"), part.get("data")
    if isinstance(text, str):
        return text
    return "" if data is None else json.dumps(data, ensure_ascii=False)


def _mapping(value: Any) -> Mapping[str, Any]:
    """A foreign value, if it is an object."""
    return value if isinstance(value, Mapping) else {}
