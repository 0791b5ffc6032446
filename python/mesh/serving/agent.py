"""The running agent: server, registration and stop, in one event loop in the main thread."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn

from mesh._mesh import Agent
from mesh.calling import membership
from mesh.calling.headers import HeaderRules
from mesh.calling.membership import Membership
from mesh.declaring.catalogue import Catalogue
from mesh.serving import address
from mesh.serving.application import Application
from mesh.serving.health import HealthMonitor
from mesh.serving.payload import SchemaError, registration
from mesh.serving.probes import Probes
from mesh.serving.servers import DuplicateToolError, adopt, http_app
from mesh.serving.settings import Settings

logger = logging.getLogger("mesh")

# Seconds that calls which are being served may take to end when the agent stops.
DRAIN = 5
# Seconds that the registry has to hear that the agent leaves.
FAREWELL = 0.25


class StartError(Exception):
    """The agent cannot start; the message is for its author."""


def serve(settings: Settings, catalogue: Catalogue, main: Mapping[str, Any]) -> int:
    """Runs the agent until it is told to stop; the exit code."""
    listener = None
    try:
        if settings.http_enabled:
            listener = address.bind(settings.bind_host, settings.http_port)
        return asyncio.run(RunningAgent(settings, catalogue, main, listener).run())
    except (address.AddressError, DuplicateToolError, SchemaError) as error:
        raise StartError(str(error)) from error
    finally:
        if listener is not None:
            listener.close()


class RunningAgent:
    """One agent, from its start to its stop."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        main: Mapping[str, Any],
        listener: socket.socket | None,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._main = main
        self._listener = listener
        self._headers = HeaderRules(settings.propagate_headers)
        self._stopping = asyncio.Event()
        self._agent: Agent | None = None
        self._application: Application | None = None

    async def run(self) -> int:
        """Serves until a signal comes; the exit code."""
        agent = self._catalogue.agent
        health = HealthMonitor(
            agent.health_check if agent else None,
            self._settings.health_check_ttl,
            self._announce_health,
        )
        server, served = await adopt(
            self._settings.name, self._catalogue, self._main, self._headers
        )
        payload = registration(
            self._settings,
            address.advertised(self._settings, self._listener),
            {
                name: (declaration, served[name].parameters)
                for name, declaration in self._catalogue.tools.items()
            },
        )
        probes = Probes(
            self._settings.name,
            health,
            agent.startup_check if agent else None,
            self._runtime,
            lambda: len(served),
        )
        application = Application(http_app(server), probes, self._headers)
        self._application = application
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            watch: asyncio.Task[None] | None = None

            async def up() -> None:
                nonlocal watch
                # A program that is not well from the start does not register before it is.
                payload["status"] = (await health.verdict()).status
                self._join(payload)
                watch = tasks.create_task(health.watch())

            farewell = tasks.create_task(self._leave())
            code = await self._serve(application, up)
            self._stopping.set()
            await farewell
            if watch is not None:
                watch.cancel()
        return code

    async def _serve(self, application: Application, up: Any) -> int:
        if self._listener is None:
            await up()
            await self._stopping.wait()
            return 0
        config = uvicorn.Config(
            application,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=DRAIN,
        )
        server = _Server(config, up)
        stop = asyncio.ensure_future(self._stop_server(server))
        try:
            await server.serve(sockets=[self._listener])
        finally:
            stop.cancel()
        if not server.has_served:
            raise StartError("the server did not start; see the error above")
        return 0

    async def _stop_server(self, server: _Server) -> None:
        await self._stopping.wait()
        server.should_exit = True

    def _join(self, payload: Mapping[str, Any]) -> None:
        self._agent = Agent.start(
            json.dumps(payload),
            registry_url=self._settings.registry_url,
            heartbeat_interval=self._settings.heartbeat_interval,
            settle=self._settings.settle_timeout,
            standalone=self._settings.standalone,
        )
        membership.enter(
            Membership(
                agent=self._agent,
                agent_id=self._settings.agent_id,
                own_tools={
                    declaration.mcp_name: declaration.wrapper
                    for declaration in self._catalogue.tools.values()
                },
                loop=self._loop,
                headers=self._headers,
                call_timeout=self._settings.call_timeout,
            )
        )
        logger.info(
            "agent %s serves %d tools at http://%s:%s/mcp",
            self._settings.agent_id,
            len(self._catalogue.tools),
            payload["http_host"],
            payload["http_port"],
        )

    async def _leave(self) -> None:
        """Tells the registry as soon as nobody is served any more, while the server still stops."""
        await self._stopping.wait()
        application = self._application
        deadline = self._loop.time() + DRAIN
        while application is not None and application.active and self._loop.time() < deadline:
            await asyncio.sleep(0.02)
        if self._agent is None:
            return
        problem = await asyncio.to_thread(self._agent.stop, FAREWELL)
        membership.enter(None)
        if problem is not None:
            logger.info("the registry was not told that the agent leaves: %s", problem)

    def _runtime(self) -> tuple[str, str | None]:
        """The runtime's state for the probes, and what is wrong with it."""
        if self._stopping.is_set():
            return "shutting_down", None
        if self._agent is None:
            return "starting", None
        state, last_error = self._agent.status()
        if state == "starting":
            return "starting", "the first registration is under way"
        if state == "standalone":
            return "standalone", None
        if state in ("reconnecting", "rejected"):
            return "up", f"registry: {state}: {last_error}"
        return "up", None

    def _announce_health(self, status: str) -> None:
        if self._agent is not None:
            self._agent.set_health(status)

    def _on_signal(self, _number: int, _frame: object) -> None:
        # Runs between two instructions of the main thread; the loop sleeps and has to be woken.
        self._loop.call_soon_threadsafe(self._stopping.set)


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling, and with a word when it serves."""

    def __init__(self, config: uvicorn.Config, up: Any) -> None:
        super().__init__(config)
        self._up = up
        self.has_served = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the agent: uvicorn would raise them again, and exit code 0 is lost."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts serving, then registers: whoever finds the agent can call it."""
        await super().startup(sockets=sockets)
        if self.started:
            self.has_served = True
            await self._up()
