"""Claims jobs: one loop for each capability that a task offers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mesh._mesh import RegistryError
from mesh.calling.membership import Membership
from mesh.declaring.catalogue import Catalogue
from mesh.declaring.tasks import Task
from mesh.working.pauses import Pause
from mesh.working.requests import LONGEST_WAIT, Fields, JobRequests
from mesh.working.workplace import Workplace

logger = logging.getLogger("mesh")

# Jobs of one capability that an agent works on at a time.
SEATS = 4
# Seconds between two claims at a registry that does not wait for jobs.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
# The same while the registry cannot be reached: when it is back, work goes on soon.
LONGEST_AWAY = 2.0
# How often the hint that jobs are waiting is looked at meanwhile.
LOOK = 0.5

Work = Callable[[Fields], Awaitable[Any]]


@contextlib.asynccontextmanager
async def working(catalogue: Catalogue, member: Membership) -> AsyncIterator[None]:
    """Works on jobs for as long as the agent is registered."""
    from mesh.working.arguments import handler_of

    try:
        native = member.agent.jobs()
    except RegistryError as error:  # Without a registry there are no jobs.
        logger.debug("no jobs: %s", error)
        yield
        return
    place = Workplace(JobRequests(native), member.agent_id)
    member.workplace = place
    loops = [
        asyncio.create_task(
            Worker(
                place,
                Offered(declaration.capability, declaration.task),
                handler_of(member, declaration),
                member.agent.pending_hint,
            ).run()
        )
        for declaration in catalogue.tools.values()
        if declaration.task is not None and declaration.capability
    ]
    try:
        yield
    finally:
        for each in loops:
            each.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await place.close()
        member.workplace = None


@dataclass(frozen=True, slots=True)
class Offered:
    """A capability whose jobs are worked on."""

    capability: str
    task: Task


class Worker:
    """Claims the jobs of one task, as many as there are seats for."""

    def __init__(
        self, place: Workplace, offered: Offered, work: Work, hint: Callable[[], int]
    ) -> None:
        self._place = place
        self._task = offered.task
        self._capability = offered.capability
        self._work = work
        # How many jobs wait for an agent of this name, as far as the registry has said.
        self._hint = hint
        self._seats = asyncio.Semaphore(SEATS)

    async def run(self) -> None:
        """Claims until it is cancelled."""
        pause, away = Pause(FIRST_PAUSE, LONGEST_PAUSE), Pause(FIRST_PAUSE, LONGEST_AWAY)
        while True:
            # Taken before the claim: what nobody here has time for is left to other instances.
            await self._seats.acquire()
            attempt = None
            try:
                attempt = await self._attempt(pause, away)
            except (AttributeError, KeyError, TypeError) as error:
                logger.warning("the registry's answer to a claim is none: %r", error)
                await self._rest(away, look=False)
            finally:
                if attempt is None:
                    self._seats.release()
                else:
                    attempt.add_done_callback(self._ended)

    async def _attempt(self, pause: Pause, away: Pause) -> asyncio.Task[Any] | None:
        """Claims a job and begins with it, if there is one."""
        job = await self._claim(pause, away)
        if job is None:
            return None
        pause.reset()
        execution = self._place.claimed(self._task, job)
        arguments = job.get("submitted_payload") or {}
        logger.debug("job %s: attempt %s", execution.claim.job_id, job.get("attempt_count"))
        return self._place.start(execution, partial(self._work, arguments))

    def _ended(self, attempt: asyncio.Task[Any]) -> None:
        self._seats.release()
        # How it ended was told; read here so that nobody misses it.
        if not attempt.cancelled():
            attempt.exception()

    async def _claim(self, pause: Pause, away: Pause) -> Fields | None:
        clock = asyncio.get_running_loop().time
        asked = clock()
        try:
            job = await self._place.claim(self._capability, LONGEST_WAIT)
        except RegistryError as error:
            level = logging.DEBUG if error.transient or error.status is None else logging.WARNING
            logger.log(level, "no jobs of `%s` for now: %s", self._capability, error)
            await self._rest(away, look=False)
            return None
        away.reset()
        if job is None and clock() - asked < LONGEST_WAIT / 2:
            # This registry does not wait for jobs, or is about to stop.
            await self._rest(pause, look=True)
        elif job is None:
            pause.reset()
        return job

    async def _rest(self, pause: Pause, *, look: bool) -> None:
        """Waits before the next claim; `look` ends it when the registry says that jobs wait."""
        left = pause.take()
        while left > 0:
            step = min(left, LOOK)
            await asyncio.sleep(step)
            left -= step
            if look and self._hint() > 0:
                return
