"""Jobs and calls: which job a call comes from, and which job it hands over."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

# On a call that a job makes: who calls.
CALLING_JOB = "x-mesh-calling-job-id"
CALLING_EPOCH = "x-mesh-calling-claim-epoch"
# On a call that hands a job over; never sent on.
JOB_ID = "x-mesh-job-id"
CLAIM_EPOCH = "x-mesh-claim-epoch"
RECV_CURSOR = "x-mesh-recv-cursor"
DISPATCH = frozenset({JOB_ID, CLAIM_EPOCH, RECV_CURSOR})


@dataclass(frozen=True, slots=True)
class CallingJob:
    """The job from which the current call comes."""

    job_id: str
    # Which claim of it; None for a job that was not claimed, or from a caller that does not say.
    claim_epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A job that the call which is being served hands over."""

    job_id: str
    claim_epoch: int | None = None
    # By types of events, the last one that an earlier attempt has read.
    recv_cursor: Mapping[str, int] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        """What a request that hands it over bears."""
        headers = {JOB_ID: self.job_id}
        if self.claim_epoch is not None:
            headers[CLAIM_EPOCH] = str(self.claim_epoch)
        if self.recv_cursor:
            headers[RECV_CURSOR] = json.dumps(dict(self.recv_cursor), separators=(",", ":"))
        return headers


@dataclass(frozen=True, slots=True)
class RunningJob:
    """The job as which code runs; calls that it makes say so."""

    job_id: str
    claim_epoch: int | None
    # Until it has to have ended; None is no limit.
    seconds_left: Callable[[], float | None]

    def headers(self) -> dict[str, str]:
        """What its calls bear."""
        headers = {CALLING_JOB: self.job_id}
        if self.claim_epoch is not None:
            headers[CALLING_EPOCH] = str(self.claim_epoch)
        return headers


running_job: ContextVar[RunningJob | None] = ContextVar("mesh_running_job", default=None)


def capped(seconds: float) -> float:
    """A call's time-out, which the job that makes it may not have: whole seconds, at least one."""
    job = running_job.get()
    left = None if job is None else job.seconds_left()
    return seconds if left is None else min(seconds, max(1, math.ceil(left)))


def dispatch_of(headers: Mapping[str, str]) -> Dispatch | None:
    """The job that a request with these headers, in lower case, hands over."""
    job_id = headers.get(JOB_ID, "").strip()
    if not job_id:
        return None
    return Dispatch(job_id, whole_number(headers.get(CLAIM_EPOCH)), cursor_of(headers))


def cursor_of(headers: Mapping[str, str]) -> dict[str, int]:
    """The read position of a request; foreign input, so what is none counts as the start."""
    try:
        cursor = json.loads(headers.get(RECV_CURSOR, "{}"))
    except ValueError:
        return {}
    if not isinstance(cursor, dict):
        return {}
    return {key: seq for key, seq in cursor.items() if type(seq) is int}


def whole_number(text: str | None) -> int | None:
    """The number that a header bears, if it does."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def calling_job() -> CallingJob | None:
    """The job from which the current call comes; None when no job makes it.

    A tool that keeps state can refuse a claim that was overtaken, with `SupersededError`. In the
    handler of a job itself it is None: that job is its `MeshJob` parameter.
    """
    from mesh.calling.headers import inbound

    headers = inbound.get().headers
    job_id = headers.get(CALLING_JOB)
    return CallingJob(job_id, whole_number(headers.get(CALLING_EPOCH))) if job_id else None
