"""The ASGI application of an agent: probes beside FastMCP."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractContextManager
from typing import Any

from mesh.calling.headers import HeaderRules
from mesh.serving.probes import Probes
from mesh.serving.requests import Receive, Requests, Scope, Send
from mesh.working.cancel_route import cancel, job_to_cancel

logger = logging.getLogger("mesh")


class Application:
    """Sends each request where it belongs. The lifespan is FastMCP's, which runs the program's."""

    def __init__(
        self,
        mcp: Any,
        probes: Probes,
        headers: HeaderRules,
        watched: AbstractContextManager[None],
    ) -> None:
        self._mcp = mcp
        self._probes = probes
        self._requests = Requests(headers, watched)

    async def drained(self, seconds: float) -> bool:
        """Waits until nothing is being served, which an agent that stops hands over at."""
        return await self._requests.drained(seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or the lifespan."""
        if scope["type"] != "http":
            await self._mcp(scope, receive, send)
        elif scope["path"] in self._probes.routes:
            await self._probes.answer(scope["path"], scope, send)
        elif (job_id := job_to_cancel(scope)) is not None:
            await cancel(job_id, send)
        else:
            try:
                await self._requests.serve(self._mcp, scope, receive, send)
            except asyncio.CancelledError:
                # Nobody but the server cancels, and only calls that outlast the stop. It would log
                # the cancellation as a crash of the application.
                logger.warning("a call was cut off because the agent stops")
