"""The ASGI application of an agent: probes beside FastMCP, and what a request brings along."""

from __future__ import annotations

import asyncio
from typing import Any

from mesh.calling.headers import HeaderRules, inbound
from mesh.serving.probes import Probes, Receive, Scope, Send


class Application:
    """Sends each request where it belongs. The lifespan is FastMCP's, which runs the program's."""

    def __init__(self, mcp: Any, probes: Probes, headers: HeaderRules) -> None:
        self._mcp = mcp
        self._probes = probes
        self._headers = headers
        self._active = 0
        # Set while nothing is being served; an agent that stops hands over at that moment.
        self.idle = asyncio.Event()
        self.idle.set()

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
        self.idle.clear()
        try:
            await self._mcp(scope, receive, send)
        finally:
            self._active -= 1
            if self._active == 0:
                self.idle.set()
            inbound.reset(token)
