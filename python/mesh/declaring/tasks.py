"""What `@mesh.tool(task=True)` declares beside the tool: how the jobs that it works on end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mesh.declaring.arguments import Arguments

# By name, because asyncio is not loaded to look at decorators.
CONTROL_FLOW = frozenset({"CancelledError", "KeyboardInterrupt", "SystemExit"})


@dataclass(frozen=True, slots=True)
class Task:
    """A tool works on jobs."""

    # A handler that raises one of these gives its job back for another attempt.
    retry_on: tuple[type[BaseException], ...] = ()
    # Whether a later attempt reads events from where the one before stopped, not from the first.
    resume_cursor: bool = False


def task_of(
    check: Arguments, *, task: object, retry_on: object, resume_cursor: object
) -> Task | None:
    """Checks the three arguments; None for an ordinary tool. Raises `ValueError`."""
    is_task = check.flag("task", task)
    resumes = check.flag("resume_cursor", resume_cursor)
    for name, is_given in (("retry_on", retry_on is not None), ("resume_cursor", resumes)):
        if is_given and not is_task:
            raise ValueError(f"{check.decorator}: {name} needs task=True; set that or leave it out")
    if not is_task:
        return None
    return Task(retry_on=_exceptions(check, retry_on), resume_cursor=resumes is True)


def _exceptions(check: Arguments, value: Any) -> tuple[type[BaseException], ...]:
    if value is None:
        return ()
    if not isinstance(value, tuple) or not all(
        isinstance(each, type) and issubclass(each, BaseException) for each in value
    ):
        allowed = "a tuple of exception classes such as (OSError,)"
        raise check.fail("retry_on", allowed, value)
    for each in value:
        if any(base.__name__ in CONTROL_FLOW for base in each.__mro__):
            allowed = f"a tuple without what ends a program or a task, and {each.__name__} does"
            raise check.fail("retry_on", allowed, value)
    return value
