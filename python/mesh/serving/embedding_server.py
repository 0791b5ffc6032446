"""A server of the program, with which an embedded agent starts and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from mesh.calling.headers import HeaderRules
from mesh.serving import listening
from mesh.serving.embedded import Embedded
from mesh.serving.lifespan import accompany
from mesh.serving.probes import PATHS, respond
from mesh.serving.requests import Asgi, Receive, Requests, Scope, Send
from mesh.working.cancel_route import cancel, is_running, job_to_cancel


class EmbeddingServer:
    """One application of the program, in whose server the agent's tools are called."""

    def __init__(self, agent: Embedded, headers: HeaderRules, taken: Collection[str] = ()) -> None:
        self._agent = agent
        # The program's own routes are never hidden.
        self._own_paths = PATHS - set(taken)
        self._requests = Requests(headers)
        self._starting: asyncio.Task[None] | None = None

    async def live(self, application: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the lifespan on, between whose ends the agent is a member of the mesh."""
        # A client of a unit test says less of itself than a server does.
        if "asgi" not in scope:
            await application(scope, receive, send)
            return
        server = listening.running_uvicorn()

        def started() -> None:
            self._starting = asyncio.create_task(self._start(server))

        await accompany(application, scope, receive, send, started=started, ended=self._end)

    async def serve(self, application: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request with the application; probes, and what is about its jobs, for the
        agent."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in self._own_paths:
            await respond(lambda: self._agent.probe(path), scope, send)
            return
        if (job_id := job_to_cancel(scope)) is not None and is_running(job_id):
            await cancel(job_id, send)
            return
        await self._requests.serve(application, scope, receive, send)

    async def _start(self, server: Any | None) -> None:
        port = 0 if server is None else await listening.port_of(server)
        self._agent.start(port, is_secure=listening.is_secure(server))

    async def _end(self) -> None:
        if self._starting is None:
            return
        if self._starting.cancel():
            return
        await asyncio.to_thread(self._agent.stop)
