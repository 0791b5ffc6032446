"""The type that stands for a job, on both sides; each side overrides what it can do."""

# ruff: noqa: ARG002  the arguments are there to be read

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class MeshJob:
    """Work that outlives a call, injected where a parameter has this type.

    In a tool with `task=True` it is the job that the tool works on; None when the tool is called
    without a job. In any other tool it submits jobs for the dependency at its position: in a `def`
    tool its methods return the result itself, otherwise they are awaited.
    """

    __slots__ = ()

    @property
    def job_id(self) -> str:
        """The job's id."""
        raise self._not_here("job_id")

    @property
    def claim_epoch(self) -> int | None:
        """How often the job was claimed, this time included; None when it was not claimed."""
        raise self._not_here("claim_epoch")

    async def update_progress(self, progress: float, message: str | None = None) -> None:
        """Says how far the job is, from 0 to 1, and what it is doing.

        The registry is told every two seconds, and of the latest only.
        """
        raise self._not_here("update_progress")

    async def request_input(self, prompt: str | None = None) -> None:
        """Says at once that the job waits for somebody, who answers with an event.

        This does not wait; `recv_event` does.
        """
        raise self._not_here("request_input")

    async def recv_event(
        self, types: Sequence[str] | None = None, timeout_secs: float | None = None
    ) -> dict[str, Any] | None:
        """The next event of these types, or of any; None when `timeout_secs` are over.

        An event has `job_id`, `seq`, `type`, `payload`, `trace_context`, `posted_by` and
        `created_at`, in Unix seconds.
        """
        raise self._not_here("recv_event")

    async def complete(self, result: Any = None) -> None:
        """Ends the job with a result, at once; what the tool returns later does not count."""
        raise self._not_here("complete")

    async def fail(self, error: str) -> None:
        """Ends the job with an error, at once."""
        raise self._not_here("fail")

    async def release_lease(self, reason: str | None = None) -> None:
        """Gives the job back, for another attempt if it has one left."""
        raise self._not_here("release_lease")

    async def is_terminal(self) -> bool:
        """Whether the job was completed, failed or given back here."""
        raise self._not_here("is_terminal")

    def submit(
        self,
        *,
        max_duration: float | None = None,
        max_retries: int | None = None,
        total_deadline: datetime | None = None,
        **payload: Any,
    ) -> Any:
        """Submits a job with `payload` as the arguments of the task; a `JobProxy`, when awaited.

        A claim that gives no sign of life for `max_duration` seconds is over. `max_retries` counts
        attempts after the first; 1 if not given. After `total_deadline` the job fails.
        """
        raise self._not_here("submit")

    def _not_here(self, name: str) -> AttributeError:
        return AttributeError(
            f"MeshJob.{name} is not for this tool: a tool with task=True works on a job, any other "
            "tool submits jobs"
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.any_schema()
