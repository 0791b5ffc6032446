"""The job that a task works on, for one that runs in another event loop than jobs do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from mesh.looping.crossing import cross
from mesh.working.controller import JobController
from mesh.working.mesh_job import MeshJob


class DistantJob(MeshJob):
    """The job in the hands of such a handler; made in the loop that the job belongs to."""

    __slots__ = ("_job", "_loop")

    def __init__(self, job: JobController) -> None:
        self._job = job
        self._loop = asyncio.get_running_loop()

    def __repr__(self) -> str:
        return repr(self._job)

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._job.job_id

    @property
    def claim_epoch(self) -> int | None:
        """How often the job was claimed, this time included; None when it was not claimed."""
        return self._job.claim_epoch

    async def update_progress(self, progress: float, message: str | None = None) -> None:
        """Says how far the job is; told within two seconds, and of the latest only."""
        await cross(self._loop, partial(self._job.update_progress, progress, message))

    async def request_input(self, prompt: str | None = None) -> None:
        """Says at once that the job waits for somebody."""
        await cross(self._loop, partial(self._job.request_input, prompt))

    async def recv_event(
        self, types: Sequence[str] | None = None, timeout_secs: float | None = None
    ) -> dict[str, Any] | None:
        """The next event of these types, or None when the time is over."""
        event: dict[str, Any] | None = await cross(
            self._loop, partial(self._job.recv_event, types, timeout_secs)
        )
        return event

    async def complete(self, result: Any = None) -> None:
        """Ends the job with a result, at once."""
        await cross(self._loop, partial(self._job.complete, result))

    async def fail(self, error: str) -> None:
        """Ends the job with an error, at once."""
        await cross(self._loop, partial(self._job.fail, error))

    async def release_lease(self, reason: str | None = None) -> None:
        """Gives the job back, for another attempt if it has one left."""
        await cross(self._loop, partial(self._job.release_lease, reason))

    async def is_terminal(self) -> bool:
        """Whether the job was completed, failed or given back here."""
        return self._job.has_ended
