"""What every request to an agent passes through, whatever application answers it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager
from typing import Any

from mesh.calling.headers import HeaderRules, inbound
from mesh.tracing.trace import TraceInfo

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Requests:
    """Knows which requests are being served, and lets them see what they brought along."""

    def __init__(
        self, headers: HeaderRules, watched: AbstractContextManager[None] | None = None
    ) -> None:
        self._headers = headers
        # Entered, again and again, for the time of each request.
        self._watched = watched or contextlib.nullcontext()
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
        headers = (
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        request = self._headers.capture(headers)
        if request.trace is not None:
            send = with_trace(send, request.trace)
        token = inbound.set(request)
        try:
            with self._counted(), self._watched:
                await application(scope, receive, send)
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


def with_trace(send: Send, trace: TraceInfo) -> Send:
    """Sends an answer that names its trace."""

    async def send_with_trace(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *trace.response_headers()]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_trace
