"""Jobs by their id, from anywhere: in a tool, in a gateway, in a script.

In an agent its registry is asked, elsewhere the one of `MCP_MESH_REGISTRY_URL`. Every function
raises `JobNotFoundError` when the registry does not know the job, and `RuntimeError` when it cannot
be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from mesh.working.pauses import Pause
from mesh.working.proxy import BlockingJobProxy, JobProxy
from mesh.working.registry import requests
from mesh.working.requests import JobNotFoundError, JobTerminalError

__all__ = [
    "BlockingJobProxy",
    "JobNotFoundError",
    "JobProxy",
    "JobTerminalError",
    "cancel",
    "post_event",
    "status",
    "subscribe_events",
    "wait",
]


async def post_event(job_id: str, event_type: str, payload: Any = None) -> dict[str, Any]:
    """Tells a job something; the event's `job_id`, `seq` and `created_at` in Unix seconds.

    Raises `JobTerminalError` when the job is over.
    """
    return await JobProxy(requests(), job_id).send_event(event_type, payload)


async def status(job_id: str) -> dict[str, Any]:
    """The job as the registry keeps it; see `JobProxy.status`."""
    return await JobProxy(requests(), job_id).status()


async def wait(job_id: str, timeout_secs: float | None = None) -> Any:
    """The job's result, once it is over.

    Raises `RuntimeError` when it failed or was cancelled, and `TimeoutError` when it is not over
    within `timeout_secs`.
    """
    return await JobProxy(requests(), job_id).wait(timeout_secs)


async def cancel(job_id: str, reason: str | None = None) -> None:
    """Calls a job off. Raises `JobTerminalError` when it is over already."""
    await JobProxy(requests(), job_id).cancel(reason)


async def subscribe_events(
    job_id: str,
    types: Sequence[str] | None = None,
    after: int = 0,
    long_poll_secs: float | None = 30.0,
) -> AsyncIterator[dict[str, Any]]:
    """What a job is told, from the event after number `after` on, until the caller breaks off.

    Watching takes no event away from the job. It does not end with the job; whoever watches knows
    which event is the last. `long_poll_secs` is how long one request waits.
    """
    proxy = JobProxy(requests(), job_id)
    clock = asyncio.get_running_loop().time
    pause = Pause(0.1, 5)
    while True:
        asked = clock()
        events, after = await proxy.list_events(after, types, long_poll_secs)
        for event in events:
            yield event
        if events:
            pause.reset()
        elif clock() - asked < (long_poll_secs or 0) / 2 or not long_poll_secs:
            await pause.sleep()
