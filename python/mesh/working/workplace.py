"""What an agent needs to work on jobs: the attempts under way, and who tells the registry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from mesh.calling.job_context import Dispatch
from mesh.declaring.tasks import Task
from mesh.working.execution import Ending, Execution
from mesh.working.reporter import Claim, Reporter
from mesh.working.requests import Fields, JobRequests

# When the agent stops: seconds for jobs to end by themselves, for handlers that are cancelled to
# clean up, and for the registry to hear of it. A container that is told to stop ends within three
# seconds, and most jobs take longer: they are given back, so that another instance goes on at once.
DRAIN = 1.0
LAST_PATIENCE = 0.3
FAREWELL = 0.5


class Workplace:
    """The jobs of one agent. It belongs to the event loop that it is made in."""

    def __init__(self, requests: JobRequests, instance_id: str) -> None:
        self._reporter = Reporter(requests, instance_id, self._refused)
        self._loop = asyncio.get_running_loop()
        self._attempts: dict[Claim, Execution] = {}
        # Set while nothing is worked on.
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def claim(self, capability: str, wait: float) -> Fields | None:
        """Claims a job, if there is one within `wait` seconds; raises `RegistryError`."""
        reporter = self._reporter
        return await reporter.requests.claim(capability, reporter.instance_id, wait)

    def claimed(self, task: Task, job: Fields) -> Execution:
        """An attempt at a job that this instance has claimed."""
        return Execution(
            Claim(job["id"], job.get("claim_epoch")),
            self._reporter,
            retry_on=task.retry_on,
            max_duration=job.get("max_duration"),
            cursor=job.get("recv_cursor") if task.resume_cursor else None,
        )

    def handed_over(self, task: Task, dispatch: Dispatch) -> Execution:
        """An attempt at a job that a call has brought."""
        return Execution(
            Claim(dispatch.job_id, dispatch.claim_epoch),
            self._reporter,
            retry_on=task.retry_on,
            cursor=dispatch.recv_cursor if task.resume_cursor else None,
        )

    async def run(self, execution: Execution, work: Callable[[], Awaitable[Any]]) -> Any:
        """Runs an attempt, which can be cancelled from outside meanwhile."""
        self._attempts[execution.claim] = execution
        self._idle.clear()
        try:
            return await execution.run(work)
        finally:
            if self._attempts.get(execution.claim) is execution:
                del self._attempts[execution.claim]
            if not self._attempts:
                self._idle.set()

    async def run_anywhere(
        self, make: Callable[[], Execution], work: Callable[[Execution], Awaitable[Any]]
    ) -> Any:
        """Runs an attempt for a call, which a program's own server may serve in another loop."""

        async def run() -> Any:
            execution = make()
            return await self.run(execution, lambda: work(execution))

        if asyncio.get_running_loop() is self._loop:
            return await run()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(), self._loop))

    def start(self, execution: Execution, work: Callable[[], Awaitable[Any]]) -> asyncio.Task[Any]:
        """Runs an attempt in the background."""
        task = asyncio.create_task(self.run(execution, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def is_running(self, job_id: str) -> bool:
        """Whether an attempt at the job is under way."""
        return any(claim.job_id == job_id for claim in [*self._attempts])

    def cancel(self, job_id: str) -> bool:
        """The registry says that a job was cancelled; whether it runs here."""
        running = [each for claim, each in [*self._attempts.items()] if claim.job_id == job_id]
        for execution in running:
            # The request may have come through a server in another loop.
            self._loop.call_soon_threadsafe(execution.end, Ending.CANCELLED)
        return bool(running)

    async def close(self) -> None:
        """Brings to an end what runs; what does not end is given back."""
        await self._idle_within(DRAIN)
        for execution in list(self._attempts.values()):
            execution.end(Ending.STOPPING, LAST_PATIENCE)
        await self._idle_within(LAST_PATIENCE + FAREWELL)
        await self._reporter.close(FAREWELL)

    async def _idle_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)

    def _refused(self, claim: Claim, reason: str) -> None:
        execution = self._attempts.get(claim)
        if execution is not None:
            execution.refused(reason)
