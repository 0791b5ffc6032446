"""A job that somebody else works on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from mesh._mesh import RegistryError
from mesh.working.event_reader import PAGE, checked_timeout
from mesh.working.pauses import Pause
from mesh.working.requests import LONGEST_WAIT, Fields, JobRequests, job_errors

T = TypeVar("T")

# Seconds between two looks at a job, at a registry that does not wait for it.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
# Seconds after which a wait gives a registry up that cannot be reached.
AWAY = 60.0


class JobProxy:
    """A job by its id. Its methods are awaited.

    They raise `JobNotFoundError` when the registry does not know the job, `JobTerminalError` when
    it is over and the method needs that it is not, and `RuntimeError` when the registry cannot be
    asked.
    """

    __slots__ = ("_requests", "job_id")

    def __init__(self, requests: JobRequests, job_id: str) -> None:
        self._requests = requests
        self.job_id = job_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id}>"

    async def status(self) -> dict[str, Any]:
        """The job as the registry keeps it.

        Among its keys are `status` (working, input_required, completed, failed or cancelled),
        `progress` from 0 to 1, `progress_message`, `result`, `error` and `submitted_payload`;
        times are in Unix seconds.
        """
        with job_errors(self.job_id):
            return await self._requests.get(self.job_id)

    async def wait(self, timeout_secs: float | None = None) -> Any:
        """The job's result, once it is over.

        Raises `RuntimeError` when it failed or was cancelled, or when the registry was away for a
        minute, and `TimeoutError` when it is not over within `timeout_secs`.
        """
        seconds = checked_timeout(timeout_secs)
        clock = asyncio.get_running_loop().time
        deadline = math.inf if seconds is None else clock() + seconds
        pause = Pause(FIRST_PAUSE, LONGEST_PAUSE)
        known, heard = "working", clock()
        while True:
            asked = clock()
            wait = math.floor(max(0.0, min(deadline - asked, LONGEST_WAIT)))
            try:
                with job_errors(self.job_id):
                    job = await self._requests.get(self.job_id, wait, known)
            except RegistryError as error:
                is_away = error.transient or error.status is None
                if not is_away or clock() - heard > AWAY:
                    raise
            else:
                heard = clock()
                if job["status"] in ("completed", "failed", "cancelled"):
                    return _outcome(job)
                if job["status"] != known:
                    known = job["status"]
                    continue
            if clock() >= deadline:
                raise TimeoutError(f"job {self.job_id} is not over after {seconds} s")
            if wait == 0 or clock() - asked < wait / 2:
                # It was not waited for.
                await pause.sleep(at_most=deadline - clock())
            else:
                pause.reset()

    async def cancel(self, reason: str | None = None) -> None:
        """Calls the job off; whoever works on it is told."""
        with job_errors(self.job_id):
            await self._requests.cancel(self.job_id, reason)

    async def send_event(self, event_type: str, payload: Any = None) -> dict[str, Any]:
        """Tells the job something; the event's `job_id`, `seq` and `created_at`."""
        event = {"type": event_type, "payload": {} if payload is None else payload}
        with job_errors(self.job_id):
            return await self._requests.post_event(self.job_id, event)

    async def list_events(
        self,
        after: int = 0,
        types: Sequence[str] | None = None,
        timeout_secs: float | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """What the job was told after the event number `after`, and the number to go on from.

        Waits for the first event for at most `timeout_secs`, which registries cap at a minute.
        """
        query: Fields = {
            "after": after,
            "wait": min(checked_timeout(timeout_secs) or 0.0, 60.0),
            "limit": PAGE,
        }
        if types:
            query["types"] = list(types)
        with job_errors(self.job_id):
            answer = await self._requests.events(self.job_id, query)
        return answer.get("events") or [], answer["next_after"]


def _outcome(job: Fields) -> Any:
    if job["status"] == "completed":
        return job["result"]
    raise RuntimeError(f"job {job['id']} {job['status']}: {job['error'] or 'no reason was given'}")


class Loop:
    """Runs what is awaited on an event loop, for a thread that waits for it."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, what: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What it returns, or raises."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            raise RuntimeError(
                "a `def` tool on the event loop cannot wait for a job: make it `async def`"
            )
        return asyncio.run_coroutine_threadsafe(what(), self._loop).result()


class BlockingJobProxy:
    """A job by its id, in a `def` tool: the methods of `JobProxy` return the result itself."""

    __slots__ = ("_loop", "_proxy", "job_id")

    def __init__(self, proxy: JobProxy, loop: Loop) -> None:
        self._proxy = proxy
        self._loop = loop
        self.job_id = proxy.job_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.job_id}>"

    def status(self) -> dict[str, Any]:
        """The job as the registry keeps it."""
        return self._loop.run(self._proxy.status)

    def wait(self, timeout_secs: float | None = None) -> Any:
        """The job's result, once it is over."""
        return self._loop.run(lambda: self._proxy.wait(timeout_secs))

    def cancel(self, reason: str | None = None) -> None:
        """Calls the job off."""
        self._loop.run(lambda: self._proxy.cancel(reason))

    def send_event(self, event_type: str, payload: Any = None) -> dict[str, Any]:
        """Tells the job something."""
        return self._loop.run(lambda: self._proxy.send_event(event_type, payload))

    def list_events(
        self,
        after: int = 0,
        types: Sequence[str] | None = None,
        timeout_secs: float | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """What the job was told, and the number to go on from."""
        return self._loop.run(lambda: self._proxy.list_events(after, types, timeout_secs))
