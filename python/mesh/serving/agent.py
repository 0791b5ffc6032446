"""The agent that is its own server: all of it in one event loop in the main thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mesh.asking.functions import check_functions
from mesh.asking.prompts import PromptError
from mesh.declaring.catalogue import Catalogue
from mesh.looping.blame import code_of
from mesh.looping.loops import Loops
from mesh.looping.watchdog import Watchdog
from mesh.serving import address
from mesh.serving.application import Application
from mesh.serving.companions import companions_of
from mesh.serving.helper_tools import add_helper_tools
from mesh.serving.http_server import DRAIN, HttpServer
from mesh.serving.member import Member
from mesh.serving.own_tools import own_tools
from mesh.serving.payload import SchemaError, registration
from mesh.serving.probes import Probes
from mesh.serving.process import end_process
from mesh.serving.servers import (
    DuplicateToolError,
    MissingPackageError,
    UnservableToolError,
    adopt,
    http_app,
)
from mesh.serving.settings import Settings
from mesh.serving.standby import Standby
from mesh.serving.stop_signals import STOP_SIGNALS
from mesh.serving.tls import CA, MODE

logger = logging.getLogger("mesh")

# Seconds that the server may take to end once calls did not end in time and were cancelled.
AFTER_DRAIN = 0.3


class StartError(Exception):
    """The agent cannot start; the message is for its author."""


def serve(settings: Settings, catalogue: Catalogue, main: Mapping[str, Any]) -> None:
    """Runs the agent until it is told to stop; raises `StartError`."""
    listener = None
    try:
        if settings.tls is not None and settings.tls.is_strict and settings.tls.ca is None:
            logger.warning("%s is strict, but without %s anybody may call this agent", MODE, CA)
        if settings.http_enabled:
            listener = address.bind(settings.bind_host, settings.http_port)
        # Not `asyncio.run`: closing the loop would wait for threads, and a `def` tool that does not
        # return cannot be cancelled. The process ends right after this.
        asyncio.Runner().run(RunningAgent(settings, catalogue, main, listener).run())
    except (
        address.AddressError,
        DuplicateToolError,
        MissingPackageError,
        PromptError,
        SchemaError,
        UnservableToolError,
    ) as error:
        raise StartError(str(error)) from error
    finally:
        if listener is not None:
            listener.close()


class RunningAgent:
    """One agent and its server, from their start to their stop."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        main: Mapping[str, Any],
        listener: socket.socket | None,
    ) -> None:
        self._settings = settings
        self._tls = settings.tls
        self._catalogue = catalogue
        self._main = main
        self._listener = listener
        self._member = Member(settings, catalogue.agent, companions_of(settings, catalogue))
        self._watchdog = Watchdog(
            code_of((each.name, each.function) for each in catalogue.tools.values())
        )
        # Whether what still runs at the end may be asked to end.
        self._others_end = True

    async def run(self) -> None:
        """Serves until a signal comes."""
        agent, member = self._catalogue.agent, self._member
        check_functions(self._catalogue.tools.values())
        server, served = await adopt(
            self._settings.name, self._catalogue, self._main, member.headers
        )
        port = self._listener.getsockname()[1] if self._listener is not None else 0
        helpers = add_helper_tools(server)
        where = address.advertised(self._settings, port, is_secure=self._tls is not None)
        payload = registration(
            self._settings,
            where,
            {
                name: (declaration, served[name].parameters)
                for name, declaration in self._catalogue.tools.items()
            },
            helpers,
        )
        probes = Probes(
            payload,
            member.health,
            member.runtime,
            startup_check=agent.startup_check if agent else None,
        )
        self._loop = asyncio.get_running_loop()
        watchdog = self._watchdog
        settings = self._settings
        loops = Loops(watchdog, is_isolated=settings.tool_isolation, workers=settings.tool_workers)
        application = Application(http_app(server), probes, member.headers, loops.program)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)

        async def serving() -> None:
            await member.join(payload, own_tools(self._catalogue.tools, served, server), loops)
            logger.info(
                "agent %s serves %d tools at %s/mcp",
                self._settings.agent_id,
                len(served),
                where.url,
            )

        farewell = asyncio.create_task(self._leave(application))
        try:
            await self._serve(application, serving, probes)
        finally:
            member.ending.set()
            await farewell
            watchdog.end()
            loops.close(AFTER_DRAIN if self._others_end else 0)
        if self._others_end:
            await _cancel_others()

    async def _serve(
        self, application: Application, serving: Callable[[], Awaitable[None]], probes: Probes
    ) -> None:
        if self._listener is None:
            self._watchdog.start(None, self._give_up)
            await serving()
            await self._member.ending.wait()
            return
        server = HttpServer(application, serving, None if self._tls is None else self._tls.server)
        listener = self._listener
        self._watchdog.start(self._standby(server, listener, probes), self._give_up)

        async def until_stopped() -> None:
            # When the program's lifespan fails uvicorn logs that, and exits or merely returns.
            with contextlib.suppress(SystemExit):
                await server.serve(sockets=[listener])

        async def stop() -> None:
            await self._member.ending.wait()
            # A job that ends may still be asked about, or be cancelled.
            await self._member.companions_ended()
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

    def _standby(
        self, server: HttpServer, listener: socket.socket, probes: Probes
    ) -> Standby | None:
        """Who answers probes while the event loop is blocked. Nothing can be told of a connection
        with TLS, and where the system accepts connections for a loop nobody else can."""
        if self._tls is not None or sys.platform == "win32":
            return None

        def hand_over(connection: socket.socket) -> None:
            asyncio.run_coroutine_threadsafe(server.adopt(connection), self._loop)

        return Standby(listener, probes, hand_over)

    def _give_up(self) -> None:
        """The event loop is blocked and will not hear that the agent is to stop."""
        logger.warning("a call does not end; the agent ends without it")
        self._member.leave_at_exit()
        end_process(0)

    async def _leave(self, application: Application) -> None:
        """Tells the registry as soon as nobody is served any more, while the server still stops."""
        await self._member.ending.wait()
        await self._member.companions_ended()
        await application.drained(DRAIN)
        await self._member.leave()

    def _on_signal(self, _number: int, _frame: object) -> None:
        # Runs between two instructions of the main thread; the loop sleeps and has to be woken.
        self._watchdog.told_to_stop()
        self._loop.call_soon_threadsafe(self._member.ending.set)


async def _cancel_others() -> None:
    """Lets what the program runs in the background clean up, as `asyncio.run` would."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=AFTER_DRAIN)
