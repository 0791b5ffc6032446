"""Which port a program's own uvicorn listens on, and how."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Iterator
from typing import Any

# Seconds between two looks at whether the server listens.
PAUSE = 0.005


def running_uvicorn() -> Any | None:
    """The `uvicorn.Server` that runs in the current event loop; None when there is no such task.

    Uvicorn tells an application nothing about its sockets before the first request. The tasks of a
    loop and what their coroutines wait in are public, though, and one of them is the server's.
    """
    uvicorn = sys.modules.get("uvicorn")
    if uvicorn is None:
        return None
    for task in asyncio.all_tasks():
        for coroutine in _awaited(task.get_coro()):
            frame = coroutine.cr_frame
            owner = frame.f_locals.get("self") if frame is not None else None
            if isinstance(owner, uvicorn.Server):
                return owner
    return None


async def port_of(server: Any) -> int:
    """The port that a uvicorn server listens on, once it does; 0 when its socket has none."""
    while not server.started:  # noqa: ASYNC110  nothing tells
        await asyncio.sleep(PAUSE)
    for listener in (each for one in server.servers for each in one.sockets):
        name = listener.getsockname()
        # A path, or nothing at all, when it is no internet socket.
        if isinstance(name, tuple):
            return int(name[1])
    return 0


def is_secure(server: Any | None) -> bool:
    """Whether a uvicorn server speaks TLS; where none is known, nobody can tell."""
    return server is not None and server.config.ssl is not None


def _awaited(coroutine: Any) -> Iterator[Any]:
    """A coroutine and those that it waits in, one inside the other."""
    while inspect.iscoroutine(coroutine):
        yield coroutine
        coroutine = coroutine.cr_await
