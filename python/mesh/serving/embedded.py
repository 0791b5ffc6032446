"""Agents whose program runs the server, or none: `auto_run=False`.

Such an agent lives in a thread of its own. It starts with a server of the program, when the program
asks how far it is, or by itself once the program that declares it has stopped declaring. Importing
its module starts nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from mesh.calling import membership
from mesh.declaring.catalogue import catalogue
from mesh.serving.environment import SettingError, read_seconds
from mesh.serving.lifecycle import is_embedded

if TYPE_CHECKING:
    from mesh.serving.probes import Answer, Probes

# Must be imported before the hook of `Embedded.start` is registered: executors have to outlive it.
import concurrent.futures.thread  # noqa: F401  isort: skip

logger = logging.getLogger("mesh")

# Seconds that the end of the program waits for the agent's own end.
LAST_WAIT = 40
# Seconds without a further declaration after which a program counts as declared.
QUIET = 1.0


class Embedded:
    """The agent in its thread; one in a process, and started at most once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._port = 0
        # Whether TLS is spoken there.
        self._is_secure = False
        self._is_ending = False
        # Of the thread, while the agent is a member.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._member: Any = None
        self._error: str | None = None
        # What it answers while it is a member, and while it is not yet.
        self._probes: Probes | None = None
        self._early: Probes | None = None

    def start(self, port: int = 0, *, is_secure: bool = False) -> None:
        """Starts the agent, or tells the one that runs which port the program listens on."""
        with self._lock:
            is_news = port not in (0, self._port)
            if is_news:
                self._port, self._is_secure = port, is_secure
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mesh-agent", daemon=True)
                self._thread.start()
                # `atexit` comes too late for a thread that needs others.
                threading._register_atexit(self.stop)  # type: ignore[attr-defined]
            elif is_news and self._loop is not None:
                asyncio.run_coroutine_threadsafe(self._advertise(), self._loop)

    def stop(self) -> None:
        """Ends the agent and waits for that."""
        with self._lock:
            self._is_ending = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._member.ending.set)
        if self._thread is not None:
            self._thread.join(LAST_WAIT)

    @property
    def error(self) -> str | None:
        """Why the agent could not start."""
        return self._error

    async def probe(self, path: str) -> Answer:
        """What a probe of the agent answers, for a server in another loop."""
        with self._lock:
            loop, probes = self._loop, self._probes
            if loop is None or probes is None:
                # Before it is a member, or when it is none any more.
                probes = self._early = self._early or self._early_probes()
                loop = None
        answer = probes.asked(path)
        if loop is None:
            return await answer
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(answer, loop))

    def _early_probes(self) -> Probes:
        from mesh.serving.health import HealthMonitor
        from mesh.serving.probes import Probes

        agent = catalogue.agent
        known: dict[str, Any] = {
            "agent_id": None,
            "name": agent.name if agent else "agent",
            "agent_type": "mcp_agent",
            "version": (agent.version if agent else None) or "1.0.0",
            "namespace": (agent.namespace if agent else None) or "default",
            "tools": [],
        }
        return Probes(
            known,
            HealthMonitor(None, 1, lambda _: None),
            lambda: ("shutting_down" if self._is_ending else "starting", self._error),
            startup_check=agent.startup_check if agent else None,
        )

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as error:
            self._error = str(error) or type(error).__name__
            logger.error("the agent does not start: %s", self._error)
            logger.debug("the cause", exc_info=True)

    async def _live(self) -> None:
        # FastMCP is loaded from here on.
        from mesh.asking.functions import check_functions
        from mesh.serving.companions import companions_of
        from mesh.serving.helper_tools import add_helper_tools
        from mesh.serving.logs import start_logging
        from mesh.serving.member import Member
        from mesh.serving.own_tools import own_tools
        from mesh.serving.probes import Probes
        from mesh.serving.servers import adopt
        from mesh.serving.settings import resolve

        self._settings = settings = resolve(os.environ, catalogue.agent)
        start_logging(settings.log_level)
        check_functions(catalogue.tools.values())
        member = Member(settings, catalogue.agent, companions_of(settings, catalogue))
        main = vars(sys.modules["__main__"])
        server, self._served = await adopt(settings.name, catalogue, main, member.headers)
        self._helpers = add_helper_tools(server)
        told = self._registration()
        check = catalogue.agent.startup_check if catalogue.agent else None
        self._probes = Probes(told, member.health, member.runtime, startup_check=check)
        await member.join(told, own_tools(catalogue.tools, self._served, server))
        with self._lock:
            self._loop, self._member = asyncio.get_running_loop(), member
            if self._is_ending:
                member.ending.set()
        if self._registration() != told:
            await self._advertise()
        logger.info("agent %s is part of this program", settings.agent_id)
        await member.ending.wait()
        await member.companions_ended()
        await member.leave()
        with self._lock:
            self._loop = None

    async def _advertise(self) -> None:
        await self._member.advertise(self._registration())

    def _registration(self) -> dict[str, Any]:
        from mesh.serving import address
        from mesh.serving.payload import registration

        where = address.advertised(
            self._settings, self._settings.http_port or self._port, is_secure=self._is_secure
        )
        tools = {
            name: (declaration, self._served[name].parameters)
            for name, declaration in catalogue.tools.items()
        }
        return registration(self._settings, where, tools, self._helpers)


embedded = Embedded()


def start_when_declared() -> None:
    """Starts the agent of the program that runs, once it has stopped declaring."""
    threading.Thread(target=_start_when_quiet, name="mesh-start", daemon=True).start()


def startup_status() -> dict[str, Any]:
    """How far the agent of this process is; the first question starts one with `auto_run=False`.

    `state` is `pending`, `ready` or `failed`; `pipeline_type` is `mcp`, or for web applications
    `api` or `a2a`, once it is ready; `error` says why it failed; `heartbeat` whether the registry
    knows it; `warnings` what else is wrong, such as a registry that does not answer.
    """
    if is_embedded():
        embedded.start()
    member = membership.current()
    state, problem = ("starting", None) if member is None else member.agent.status()
    is_ready = state not in ("starting", "stopped")
    is_wrong = state in ("reconnecting", "rejected", "withdrawn")
    return {
        "state": "failed" if embedded.error else "ready" if is_ready else "pending",
        "pipeline_type": _kind() if is_ready else None,
        "error": embedded.error,
        "heartbeat": state == "registered",
        "warnings": [": ".join(filter(None, ("registry", state, problem)))] if is_wrong else [],
    }


def _kind() -> str:
    if catalogue.surfaces:
        return "a2a"
    return "api" if catalogue.routes else "mcp"


def _start_when_quiet() -> None:
    try:
        pause = read_seconds(os.environ, "MCP_MESH_DEBOUNCE_DELAY", default=QUIET)
    except SettingError as error:
        logger.error("the agent does not start: %s", error)
        return
    seen = -1
    while seen != len(catalogue.tools):
        seen = len(catalogue.tools)
        time.sleep(pause)
    if is_embedded():
        embedded.start()
