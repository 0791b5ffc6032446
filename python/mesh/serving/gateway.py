"""A web application of the program as an agent; the program runs the server itself."""

from __future__ import annotations

import asyncio
import atexit
import logging
from collections.abc import Callable, Collection
from typing import Any

from mesh.declaring.catalogue import Catalogue
from mesh.serving import address, listening
from mesh.serving.companions import companions_of
from mesh.serving.lifespan import accompany
from mesh.serving.logs import start_logging
from mesh.serving.member import Member
from mesh.serving.probes import Probes
from mesh.serving.requests import Asgi, Receive, Requests, Scope, Send
from mesh.serving.settings import Address, Settings

logger = logging.getLogger("mesh")

# Seconds between two looks at whether a server without a lifespan ends.
LOOK = 0.05
# The registration, once it is known where the application listens.
Describe = Callable[[Address], dict[str, Any]]


class Gateway:
    """One application's life as an agent, which begins in the event loop of its server."""

    def __init__(
        self,
        settings: Settings,
        declared: Catalogue,
        describe: Describe,
        taken: Collection[str] = (),
        public_url: str | None = None,
    ) -> None:
        self._settings = settings
        self.name = settings.name
        self.version = settings.version
        # The application's URL for others; None until it is known where it listens.
        self.base_url = public_url
        # Which then wins over what the registry offers.
        self.is_told_public_url = public_url is not None
        self._describe = describe
        self._member = Member(settings, None, companions_of(settings, declared))
        self._requests = Requests(self._member.headers)
        self._probes = Probes(describe(Address("", 0)), self._member.health, self._runtime)
        # The program's own routes are never hidden.
        self._own_paths = self._probes.routes.keys() - set(taken)
        self._joining: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def live(self, application: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the lifespan on, and is a member of the mesh between its two ends."""
        await accompany(
            application,
            scope,
            receive,
            send,
            started=lambda: self._start(is_served="asgi" in scope),
            ended=self._leave,
        )

    async def serve(self, application: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request: a probe, or with the application."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in self._own_paths:
            await self._probes.answer(path, scope, send)
            return
        if self._joining is not None and not self._joining.done():
            # The server has only just begun to listen.
            await asyncio.wait({self._joining})
        await self._requests.serve(application, scope, receive, send)

    def start(self) -> None:
        """Registers the application of a server that tells it nothing of its own start and end."""
        server = self._start()
        if server is not None:
            self._watch = asyncio.create_task(self._leave_with(server))

    def _start(self, *, is_served: bool = True) -> Any | None:
        """Registers the application as soon as its server listens, and finds that server.

        A client of a unit test serves nobody else, and is told apart by what its scope lacks.
        """
        start_logging(self._settings.log_level)
        server = listening.running_uvicorn()
        if server is None and not self._is_told_its_address():
            logger.log(
                logging.WARNING if is_served else logging.DEBUG,
                "the application is not registered: it is not served by uvicorn, so its port is "
                "unknown; set MCP_MESH_HTTP_PORT",
            )
            return None
        self._joining = asyncio.create_task(self._join(server))
        # A server that is killed twice ends without the end of the lifespan.
        atexit.register(self._member.leave_at_exit)
        return server

    async def _leave_with(self, server: Any) -> None:
        while not server.should_exit:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(LOOK)
        await self._leave()

    def _is_told_its_address(self) -> bool:
        return self._settings.http_port != 0 or self._settings.http_endpoint is not None

    async def _join(self, server: Any | None) -> None:
        settings = self._settings
        try:
            port = 0 if server is None else await listening.port_of(server)
            where = address.advertised(
                settings, settings.http_port or port, is_secure=listening.is_secure(server)
            )
            registration = self._describe(where)
            self.base_url = self.base_url or where.url
            await self._member.join(registration, {})
        except Exception:
            # The application serves its other users all the same.
            logger.exception("the application is not registered")
            return
        logger.info(
            "%s agent %s serves %d functions at %s",
            registration["agent_type"],
            settings.agent_id,
            len(registration["tools"]),
            where.url,
        )

    async def _leave(self) -> None:
        self._member.ending.set()
        if self._joining is None:
            return
        if not self._joining.done():
            self._joining.cancel()
            await asyncio.wait({self._joining})
        await self._member.companions_ended()
        await self._member.leave()
        atexit.unregister(self._member.leave_at_exit)

    def _runtime(self) -> tuple[str, str | None]:
        if self._joining is None and not self._member.ending.is_set():
            return "up", "the application is not registered"
        return self._member.runtime()
