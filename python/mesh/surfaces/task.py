"""One task of a skill: what it was asked, how it stands, and what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from mesh import jobs
from mesh.calling.membership import to_json

Fields = dict[str, Any]

# The states that the mesh has for jobs, in the words of A2A.
STATES = {"cancelled": "canceled", "input_required": "input-required"}
OVER = frozenset({"completed", "failed", "canceled"})
# Seconds between two looks at a job that somebody follows.
LOOK = 1.0
# Seconds of silence after which followers are told that nothing has happened.
SILENCE = 15.0


class Task:
    """A task of one skill, in this process."""

    def __init__(self, task_id: str, session_id: str, message: Fields) -> None:
        self.task_id = task_id
        self.ended_at: float | None = None
        self._session_id = session_id
        self._message = message
        self._state = "working"
        self._since = _now()
        # What is said about the state, and how far the task is, from 0 to 1.
        self._remark: str | None = None
        self._progress: float | None = None
        self._artifact: str | None = None
        self._job_id: str | None = None
        self._runner: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self._state in OVER

    def start(self, handler: Callable[[Fields], Any]) -> asyncio.Task[None]:
        """Runs the skill's function, whoever goes on listening."""
        self._runner = asyncio.create_task(self._run(handler))
        return self._runner

    async def refresh(self) -> None:
        """Asks how the job stands, if it is one."""
        if self._job_id is None or self.is_over:
            return
        job = await jobs.status(self._job_id)
        self._progress = job.get("progress")
        self._remark = job.get("progress_message")
        state = STATES.get(job["status"], job["status"])
        if state == "completed":
            self._complete(job.get("result"))
        elif state == "failed":
            self._end(state, job.get("error") or "the job failed")
        elif state == "canceled":
            self._end(state)
        elif state != self._state:
            self._state, self._since = state, _now()

    async def cancel(self) -> None:
        """Calls the task off, if it is not over."""
        if self._job_id is not None:
            await self.refresh()
            if not self.is_over:
                with contextlib.suppress(jobs.JobTerminalError):
                    await jobs.cancel(self._job_id, "canceled by the A2A client")
                await self.refresh()
        elif self._runner is not None:
            self._runner.cancel()
        if not self.is_over:
            self._end("canceled")

    async def follow(self) -> AsyncIterator[Fields | None]:
        """What happens to the task until it is over; None when nothing has for a while."""
        while self._runner is not None and not self._runner.done():
            await asyncio.wait({self._runner}, timeout=SILENCE)
            if not self._runner.done():
                yield None
        told = None
        heard = time.monotonic()
        while not self.is_over:
            await self.refresh()
            now = (self._state, self._remark, self._progress)
            if not self.is_over and now != told:
                told, heard = now, time.monotonic()
                yield self._status_event()
            elif time.monotonic() - heard > SILENCE:
                heard = time.monotonic()
                yield None
            if not self.is_over:
                await asyncio.sleep(LOOK)
        if self._artifact is not None:
            yield {"id": self.task_id, "artifact": _artifact(self._artifact)}
        yield self._status_event()

    def to_wire(self) -> Fields:
        """The whole task."""
        wire: Fields = {
            "id": self.task_id,
            "sessionId": self._session_id,
            "status": self._status(),
            "artifacts": [] if self._artifact is None else [_artifact(self._artifact)],
            "history": [self._message] if self._message else [],
        }
        return wire | self._metadata()

    async def _run(self, handler: Callable[[Fields], Any]) -> None:
        try:
            if inspect.iscoroutinefunction(handler):
                result = await handler(self._message)
            else:
                result = await asyncio.to_thread(handler, self._message)
        except asyncio.CancelledError:
            self._end("canceled")
        except Exception as error:
            self._end("failed", str(error) or type(error).__name__)
        else:
            if isinstance(result, (jobs.JobProxy, jobs.BlockingJobProxy)):
                self._job_id = result.job_id
            else:
                self._complete(result)

    def _complete(self, result: Any) -> None:
        if not self.is_over:
            self._artifact = result if isinstance(result, str) else to_json(result)
            self._end("completed", self._remark)

    def _end(self, state: str, remark: str | None = None) -> None:
        if self.is_over:
            return
        self._state, self._since, self._remark = state, _now(), remark
        self.ended_at = time.monotonic()

    def _status(self) -> Fields:
        status: Fields = {"state": self._state, "timestamp": self._since}
        if self._remark:
            status["message"] = {"role": "agent", "parts": [_text(self._remark)]}
        return status

    def _status_event(self) -> Fields:
        event: Fields = {"id": self.task_id, "status": self._status(), "final": self.is_over}
        return event | ({} if self.is_over else self._metadata())

    def _metadata(self) -> Fields:
        return {} if self._progress is None else {"metadata": {"progress": self._progress}}


def _artifact(text: str) -> Fields:
    return {"name": "result", "parts": [_text(text)], "index": 0}


def _text(text: str) -> Fields:
    return {"type": "text", "text": text}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
