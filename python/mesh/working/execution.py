"""One attempt at a job: its handler runs, is watched over, and how it ends is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from enum import Enum
from typing import Any

from mesh.calling.headers import inbound
from mesh.calling.job_context import RunningJob, running_job
from mesh.working.controller import JobController
from mesh.working.lease import Lease
from mesh.working.reporter import Claim, RefusedError, Reporter

logger = logging.getLogger("mesh")

# Seconds that a handler which was cancelled may take to clean up.
PATIENCE = 5.0


class Ending(Enum):
    """Why a handler is cancelled."""

    CANCELLED = "the job was cancelled"
    SUPERSEDED = "somebody else has claimed the job"
    OVERDUE = "no sign of life within max_duration"
    STOPPING = "the agent stops"


# Nobody wants to hear how such an attempt ends.
FORGOTTEN = frozenset({Ending.CANCELLED, Ending.SUPERSEDED})
# What the registry says when the job is not this instance's any more.
LOST = frozenset({"claim_superseded", "not_owner", "not_found"})

# The attempt that the code belongs to, until its handler takes it.
_attempt: ContextVar[Execution | None] = ContextVar("mesh_job_attempt", default=None)


class Execution:
    """One attempt at one job."""

    def __init__(
        self,
        claim: Claim,
        reporter: Reporter,
        *,
        retry_on: tuple[type[BaseException], ...] = (),
        max_duration: float | None = None,
        cursor: Mapping[str, int] | None = None,
    ) -> None:
        self.claim = claim
        self._reporter = reporter
        self._retry_on = retry_on
        self._lease = Lease(max_duration, is_claimed=claim.epoch is not None)
        self.controller = JobController(
            claim, self._lease, reporter, cursor or {}, lambda: self.end(Ending.SUPERSEDED)
        )
        self._handler: asyncio.Task[Any] | None = None
        self._ending: Ending | None = None
        # Set once there is an ending.
        self._is_ending = asyncio.Event()
        self._patience = PATIENCE

    def end(self, ending: Ending, patience: float = PATIENCE) -> None:
        """Cancels the handler, which then has `patience` seconds to clean up."""
        self._patience = min(patience, self._patience)
        if self._ending is None:
            self._ending = ending
            self._is_ending.set()
            logger.info("job %s: %s", self.claim.job_id, ending.value)
            if self._handler is not None:
                self._handler.cancel(ending.value)

    def refused(self, reason: str) -> None:
        """The registry has rejected a report about this attempt."""
        if reason in LOST:
            self.end(Ending.SUPERSEDED)
        elif reason == "already_terminal":
            self.end(Ending.CANCELLED)

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Runs the handler to its end and tells the registry what came of it.

        Returns what the handler returns and raises what it raises; `RuntimeError` if it was
        cancelled.
        """
        handler = self._handler = asyncio.create_task(self._work(work))
        if self._ending is not None:
            handler.cancel(self._ending.value)
        try:
            await self._watch(handler)
        except asyncio.CancelledError:
            # Whoever waits for it has gone; nobody is left who would tell how it ends.
            handler.cancel()
            await self._tell(self.controller.give_back("the call that ran the job was given up"))
            raise
        await self._conclude(handler)
        if handler.done() and not handler.cancelled():
            return handler.result()
        reason = "its handler was cancelled" if self._ending is None else self._ending.value
        raise RuntimeError(f"job {self.claim.job_id}: {reason}")

    async def _work(self, work: Callable[[], Awaitable[Any]]) -> Any:
        # A task has a context of its own, so nothing has to be put back.
        inbound.set(replace(inbound.get(), dispatch=None))
        running_job.set(RunningJob(self.claim.job_id, self.claim.epoch, self._lease.seconds_left))
        _attempt.set(self)
        return await work()

    async def _watch(self, handler: asyncio.Task[Any]) -> None:
        ending = asyncio.create_task(self._is_ending.wait())
        try:
            while not handler.done() and not ending.done():
                await self._await_event(handler, ending)
        finally:
            ending.cancel()
        if not handler.done():
            await asyncio.wait({handler}, timeout=self._patience)

    async def _await_event(self, handler: asyncio.Task[Any], ending: asyncio.Task[Any]) -> None:
        """Waits until the handler has ended or is to end, or something is due."""
        left, beat = self._lease.seconds_left(), self._lease.next_beat()
        timeout = left if beat is None else beat
        if self.controller.has_ended:
            # Its end is told, for as long as that takes; should the registry refuse it, time counts
            # again.
            timeout = 1.0
        done, _ = await asyncio.wait(
            {handler, ending}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        if done or self.controller.has_ended:
            return
        left = self._lease.seconds_left()
        if left is not None and left <= 0:
            self.end(Ending.OVERDUE)
        elif beat is not None:
            self._reporter.note(self.claim, {}, within=0)

    async def _conclude(self, handler: asyncio.Task[Any]) -> None:
        controller, ending = self.controller, self._ending
        if not handler.done():
            logger.warning("job %s: its handler does not end: %s", self.claim.job_id, ending)
        elif not handler.cancelled() and handler.exception() is None and ending not in FORGOTTEN:
            if not controller.has_ended:
                await self._tell(self._complete(handler.result()))
            return
        if ending in FORGOTTEN:
            controller.abandon()
        elif controller.has_ended:
            pass  # The handler has said itself how it ends.
        elif ending is not None:
            await self._tell(controller.release_lease(ending.value))
        elif handler.cancelled():
            await self._tell(controller.fail("the handler was cancelled"))
        else:
            await self._tell(self._fail(handler.exception()))

    async def _complete(self, result: Any) -> None:
        try:
            await self.controller.complete(result)
        except RefusedError as error:
            if self._ending is None:
                await self.controller.fail(str(error))

    async def _fail(self, error: BaseException | None) -> None:
        name, text = type(error).__name__, str(error)
        if isinstance(error, self._retry_on):
            await self.controller.release_lease(f"{name}: {text}" if text else name)
            return
        logger.warning("job %s failed", self.claim.job_id, exc_info=error)
        await self.controller.fail(text or name)

    async def _tell(self, telling: Awaitable[None]) -> None:
        try:
            await telling
        except RuntimeError as error:
            logger.info("job %s: the registry was not told: %s", self.claim.job_id, error)


def take_attempt() -> Execution | None:
    """The attempt that the current call is, once: what the handler calls is not part of it."""
    execution = _attempt.get()
    if execution is not None:
        _attempt.set(None)
    return execution
