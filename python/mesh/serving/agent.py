"""The running agent: server, registration and stop, in one event loop in the main thread."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mesh._mesh import Agent
from mesh.calling import membership
from mesh.calling.headers import HeaderRules
from mesh.calling.membership import Membership
from mesh.declaring.catalogue import Catalogue
from mesh.serving import address
from mesh.serving.application import Application
from mesh.serving.health import HealthMonitor
from mesh.serving.http_server import DRAIN, HttpServer
from mesh.serving.own_tools import own_tools
from mesh.serving.payload import SchemaError, registration
from mesh.serving.probes import Probes
from mesh.serving.servers import DuplicateToolError, adopt, http_app
from mesh.serving.settings import Settings
from mesh.serving.stop_signals import STOP_SIGNALS

logger = logging.getLogger("mesh")

# Seconds that the registry has to hear that the agent leaves.
FAREWELL = 0.25
# Seconds that the server may take to end once calls did not end in time and were cancelled.
AFTER_DRAIN = 0.3


class StartError(Exception):
    """The agent cannot start; the message is for its author."""


def serve(settings: Settings, catalogue: Catalogue, main: Mapping[str, Any]) -> None:
    """Runs the agent until it is told to stop; raises `StartError`."""
    listener = None
    try:
        if settings.http_enabled:
            listener = address.bind(settings.bind_host, settings.http_port)
        # Not `asyncio.run`: closing the loop would wait for threads, and a `def` tool that does not
        # return cannot be cancelled. The process ends right after this.
        asyncio.Runner().run(RunningAgent(settings, catalogue, main, listener).run())
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
        # Whether what still runs at the end may be asked to end.
        self._others_end = True

    async def run(self) -> None:
        """Serves until a signal comes."""
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
        self._loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        watch = None

        async def serving() -> None:
            nonlocal watch
            # A program that is not well from the start does not register before it is.
            payload["status"] = (await health.verdict()).status
            self._join(payload, own_tools(self._catalogue.tools, served))
            watch = asyncio.create_task(health.watch())

        farewell = asyncio.create_task(self._leave(application))
        try:
            await self._serve(application, serving)
        finally:
            self._stopping.set()
            await farewell
            if watch is not None:
                watch.cancel()
        if self._others_end:
            await _cancel_others()

    async def _serve(
        self, application: Application, serving: Callable[[], Awaitable[None]]
    ) -> None:
        if self._listener is None:
            await serving()
            await self._stopping.wait()
            return
        server = HttpServer(application, serving)
        listener = self._listener

        async def until_stopped() -> None:
            # When the program's lifespan fails uvicorn logs that, and exits or merely returns.
            with contextlib.suppress(SystemExit):
                await server.serve(sockets=[listener])

        async def stop() -> None:
            await self._stopping.wait()
            server.should_exit = True
            if await application.drained(DRAIN):
                await asyncio.wait({server_task})  # The program's lifespan takes what it takes.
            else:
                await asyncio.wait({server_task}, timeout=AFTER_DRAIN)

        server_task = asyncio.create_task(until_stopped())
        stopper = asyncio.create_task(stop())
        await asyncio.wait({server_task, stopper}, return_when=asyncio.FIRST_COMPLETED)
        stopper.cancel()
        if not server_task.done():
            # The server hangs on that call, and would only complain when it is cancelled.
            logger.warning("a call does not end; the agent ends without it")
            self._others_end = False
            return
        server_task.result()
        if not server.started:
            raise StartError("the server did not start; the reason stands above")

    def _join(
        self, payload: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
    ) -> None:
        self._agent = Agent.start(json.dumps(payload), self._settings)
        membership.enter(
            Membership(
                agent=self._agent,
                agent_id=self._settings.agent_id,
                own_tools=functions,
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

    async def _leave(self, application: Application) -> None:
        """Tells the registry as soon as nobody is served any more, while the server still stops."""
        await self._stopping.wait()
        await application.drained(DRAIN)
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


async def _cancel_others() -> None:
    """Lets what the program runs in the background clean up, as `asyncio.run` would."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=AFTER_DRAIN)
