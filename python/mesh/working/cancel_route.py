"""`POST /jobs/{id}/cancel`: the registry says that a job which runs here was cancelled."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mesh.calling import membership

if TYPE_CHECKING:
    from mesh.working.workplace import Workplace

_PATH = re.compile(r"/jobs/([^/]+)/cancel")


def job_to_cancel(scope: Mapping[str, Any]) -> str | None:
    """The job that a request is to cancel; None if that is not what it asks for."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    match = _PATH.fullmatch(scope["path"])
    return unquote(match[1]) if match else None


def is_running(job_id: str) -> bool:
    """Whether this agent works on the job."""
    place = _place()
    return place is not None and place.is_running(job_id)


async def cancel(job_id: str, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    """Cancels the job's handler, if it runs here, and says so."""
    place = _place()
    body = {"cancelled": place is not None and place.cancel(job_id), "job_id": job_id}
    text = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _place() -> Workplace | None:
    member = membership.current()
    return member.workplace if member is not None else None
