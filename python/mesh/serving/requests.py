"""What every request to an agent passes through, whatever application answers it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from mesh.calling.headers import HeaderRules, inbound

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Requests:
    """Knows which requests are being served, and lets them see what they brought along."""

    def __init__(self, headers: HeaderRules) -> None:
        self._headers = headers
        self._active = 0
        # Set while nothing is being served.
        self._idle = asyncio.Event()
        self._idle.set()

    async def drained(self, seconds: float) -> bool:
        """Waits until nothing is being served, which an agent that stops hands over at."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        return self._idle.is_set()

    async def serve(self, application: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Has `application` answer one request."""
        with self._counted(), self._captured(scope):
            await application(scope, receive, send)

    @contextlib.contextmanager
    def _captured(self, scope: Scope) -> Iterator[None]:
        headers = (
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        token = inbound.set(self._headers.capture(headers))
        try:
            yield
        finally:
            inbound.reset(token)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._active += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._active -= 1
            if self._active == 0:
                self._idle.set()
