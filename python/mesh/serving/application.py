"""The ASGI application of an agent: probes beside FastMCP, and what a request brings along."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from mesh.calling.headers import HeaderRules, inbound
from mesh.serving.probes import Probes, Receive, Scope, Send

logger = logging.getLogger("mesh")


class Application:
    """Sends each request where it belongs. The lifespan is FastMCP's, which runs the program's."""

    def __init__(self, mcp: Any, probes: Probes, headers: HeaderRules) -> None:
        self._mcp = mcp
        self._probes = probes
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or the lifespan."""
        if scope["type"] != "http":
            await self._mcp(scope, receive, send)
        elif scope["path"] in self._probes.routes:
            await self._probes.answer(scope, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = (
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        token = inbound.set(self._headers.capture(headers))
        self._active += 1
        self._idle.clear()
        try:
            await self._mcp(scope, receive, send)
        except asyncio.CancelledError:
            # Nobody but the server cancels, and only calls that outlast the stop. It would log the
            # cancellation as a crash of the application.
            logger.warning("a call was cut off because the agent stops")
        finally:
            self._active -= 1
            if self._active == 0:
                self._idle.set()
            inbound.reset(token)
