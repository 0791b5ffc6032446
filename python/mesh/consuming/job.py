"""`mesh.A2AJob`: a task at an A2A agent that goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mesh.consuming.tasks import (
    TERMINAL,
    A2AResponse,
    Fields,
    artifact_of,
    message_of,
    progress_of,
    raise_unless_completed,
    response_of,
    state_of,
    value_of,
)

if TYPE_CHECKING:
    from mesh.consuming.client import A2AClient
    from mesh.types import MeshJob

# Seconds that an agent has to hear that its task is not wanted any more.
FAREWELL = 5.0


@dataclass(slots=True)
class A2AJob:
    """A task that was submitted."""

    client: A2AClient
    task_id: str
    # What the agent answered at once.
    initial_state: str
    initial_result: Fields = field(default_factory=dict)

    async def status(self) -> Fields:
        """The task as the agent sees it now."""
        return await self.client.request("tasks/get", {"id": self.task_id})

    async def cancel(self, reason: str | None = None) -> None:
        """Asks the agent to end it."""
        params = {"id": self.task_id} | ({} if reason is None else {"reason": reason})
        await self.client.request("tasks/cancel", params)

    async def wait(
        self, timeout_secs: float | None = None, poll_interval: float | None = None
    ) -> A2AResponse:
        """The task once it is completed; without `timeout_secs` for as long as that takes.

        Raises `A2AJobFailed`, `A2AJobCanceled` or `TimeoutError`.
        """
        task = self.initial_result
        if self.initial_state not in TERMINAL:
            deadline = None if timeout_secs is None else time.monotonic() + timeout_secs
            task = await self.client.ended(self.task_id, deadline, poll_interval)
        raise_unless_completed(self.task_id, state_of(task), message_of(task))
        return response_of(self.task_id, task)

    async def bridge(self, mesh_job: MeshJob | None, *, poll_interval: float | None = None) -> Any:
        """Waits as `wait` does, reporting progress to a job of the mesh; what that is to return.

        When the job of the mesh is cancelled, so is the task.
        """
        progress = Progress(mesh_job)
        task, state = self.initial_result, self.initial_state
        pause = self.client.poll_interval if poll_interval is None else poll_interval
        try:
            while state not in TERMINAL:
                await progress.report(progress_of(task), message_of(task))
                await asyncio.sleep(pause)
                task = await self.status()
                state = state_of(task)
                pause = self.client.longer(pause)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.cancel("the job of the mesh is cancelled"), FAREWELL)
            raise
        raise_unless_completed(self.task_id, state, message_of(task))
        return value_of(artifact_of(task))


class Progress:
    """Tells a job of the mesh how far a task is; there may be none to tell."""

    def __init__(self, mesh_job: MeshJob | None) -> None:
        self._mesh_job = mesh_job
        self._last: tuple[float, str | None] = (0.0, None)

    async def report(self, progress: float | None, message: str | None) -> None:
        """Passes on what is new."""
        seen = self._last[0] if progress is None else progress, message
        if self._mesh_job is None or (progress is None and message is None) or seen == self._last:
            return
        self._last = seen
        await self._mesh_job.update_progress(*seen)
