"""Reads what a job is told, each event once, by the types that are asked for."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mesh._mesh import RegistryError
from mesh.working.lease import Lease
from mesh.working.pauses import Pause
from mesh.working.requests import LONGEST_WAIT, Fields, JobRequests, is_superseded, job_errors

logger = logging.getLogger("mesh")

# Between the types of one cursor's name; the format of every agent that resumes.
SEPARATOR = "\x1f"
# Events of one answer.
PAGE = 100


class EventReader:
    """The event log of one job, with a position for each set of types that is asked for."""

    def __init__(
        self,
        requests: JobRequests,
        job_id: str,
        executor: Fields,
        lease: Lease,
        cursor: Mapping[str, int],
        superseded: Callable[[], None],
    ) -> None:
        self._requests = requests
        self._job_id = job_id
        # Who reads: the registry keeps the claim alive for that instance.
        self._executor = executor
        self._lease = lease
        self._superseded = superseded
        # By set of types, the last event that the handler has got.
        self.cursor: dict[str, int] = dict(cursor)
        self._fetched: dict[str, deque[Fields]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def next(
        self, types: Sequence[str] | None, timeout_secs: float | None
    ) -> dict[str, Any] | None:
        """The next event of these types; None when `timeout_secs` are over."""
        if isinstance(types, str):
            raise ValueError(f"types must be a list of event types, such as [{types!r}]")
        wanted = sorted(set(types or ()))
        key = SEPARATOR.join(wanted)
        seconds = checked_timeout(timeout_secs)
        deadline = math.inf if seconds is None else asyncio.get_running_loop().time() + seconds
        # Two that wait for the same types get one event each.
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            await asyncio.wait_for(lock.acquire(), seconds)
        except TimeoutError:
            return None
        try:
            return await self._take(key, wanted, deadline)
        finally:
            lock.release()

    async def _take(self, key: str, wanted: list[str], deadline: float) -> dict[str, Any] | None:
        fetched = self._fetched.setdefault(key, deque())
        self._lease.extend()
        if not fetched:
            fetched.extend(await self._fetch(key, wanted, deadline))
        if not fetched:
            return None
        event = fetched.popleft()
        self.cursor[key] = event["seq"]
        self._lease.extend()
        return event

    async def _fetch(self, key: str, wanted: list[str], deadline: float) -> list[Fields]:
        clock = asyncio.get_running_loop().time
        pause = Pause(0.1, 5)
        while True:
            left = deadline - clock()
            # A wait counts as one sign of life, at its start.
            wait = math.floor(max(0.0, min(left, LONGEST_WAIT, max(1.0, self._lease.window / 2))))
            query = {
                "after": self.cursor.get(key, 0),
                "wait": float(wait),
                "limit": PAGE,
                **self._executor,
            }
            if wanted:
                query["types"] = wanted
            asked = clock()
            events = await self._page(query)
            if events:
                return events
            if deadline - clock() <= 0:
                return []
            self._lease.extend()
            if clock() - asked < wait / 2 or wait == 0:
                # It was not waited for: the registry stops, cannot be reached, or the rest is less
                # than a second.
                await pause.sleep(at_most=deadline - clock())
            else:
                pause.reset()

    async def _page(self, query: Mapping[str, Any]) -> list[Fields]:
        try:
            with job_errors(self._job_id):
                answer = await self._requests.events(self._job_id, query)
        except RegistryError as error:
            if is_superseded(error):
                self._superseded()
                # The handler is cancelled in a moment; whatever reads for it ends as well.
                raise asyncio.CancelledError from None
            if not error.transient and error.status is not None:
                raise
            logger.debug("events of job %s: %s", self._job_id, error)
            return []
        events: list[Fields] = answer.get("events") or []
        return events


def checked_timeout(seconds: float | None) -> float | None:
    """A time-out in seconds; None is none. Raises `ValueError`."""
    if seconds is None:
        return None
    seconds = float(seconds)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"timeout_secs must be 0 or more, got {seconds}")
    return seconds
