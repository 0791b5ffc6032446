"""An agent as a member of the mesh: registered, watched over and gone with a farewell.

Nothing here knows who runs the HTTP server: FastMCP's, a gateway's and no server at all are alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mesh._mesh import Agent
from mesh.asking.functions import LlmFunctions
from mesh.calling import membership
from mesh.calling.headers import HeaderRules
from mesh.calling.membership import Membership
from mesh.declaring.catalogue import AgentDeclaration
from mesh.looping.loops import Loops
from mesh.serving.companions import Companion
from mesh.serving.contact import tell_of_registry
from mesh.serving.health import HealthMonitor
from mesh.serving.settings import Address, Settings
from mesh.tracing.publishing import Tracing
from mesh.tracing.spans import Spans

logger = logging.getLogger("mesh")

# Seconds that the registry has to hear that the agent leaves.
FAREWELL = 0.25
# Seconds between two looks at whether the registry knows the agent; they double up to the second.
FIRST_LOOK = 0.005
LAST_LOOK = 0.25


class Member:
    """One agent's membership, from before its registration to its farewell.

    It belongs to the event loop that it joins in. `ending` is set to have it stop; whoever serves
    its requests awaits `companions_ended`, stops serving, and then awaits `leave`.
    """

    def __init__(
        self,
        settings: Settings,
        agent: AgentDeclaration | None = None,
        companions: Iterable[Companion] = (),
    ) -> None:
        self.settings = settings
        self.headers = HeaderRules(settings.propagate_headers)
        self.health = HealthMonitor(
            agent.health_check if agent else None,
            settings.health_check_ttl,
            self._announce_health,
        )
        # Set when the agent is to stop.
        self.ending = asyncio.Event()
        self._companions = tuple(companions)
        self._company: list[asyncio.Task[None]] = []
        self._watches: list[asyncio.Task[None]] = []
        self._agent: Agent | None = None
        self._tracing: Tracing | None = None

    async def join(
        self,
        registration: Mapping[str, Any],
        own_tools: Mapping[str, Callable[..., Any]],
        loops: Loops | None = None,
    ) -> None:
        """Starts to register. A program that is not well from the start registers when it is."""
        status = (await self.health.verdict()).status
        self._agent = Agent.start(json.dumps({**registration, "status": status}), self.settings)
        current = Membership(
            agent=self._agent,
            agent_id=self.settings.agent_id,
            own_tools=own_tools,
            loop=asyncio.get_running_loop(),
            headers=self.headers,
            call_timeout=self.settings.call_timeout,
            llm=LlmFunctions(self.settings.llm),
            spans=self._spans(
                Address(
                    registration["http_host"],
                    registration["http_port"],
                    registration.get("http_scheme", "http"),
                )
            ),
            loops=loops,
        )
        membership.enter(current)
        self._watches = [
            asyncio.create_task(self.health.watch()),
            asyncio.create_task(tell_of_registry(self._agent.status, self.settings.registry_url)),
        ]
        self._company = [
            asyncio.create_task(self._accompany(companion, current))
            for companion in self._companions
        ]

    async def advertise(self, registration: Mapping[str, Any]) -> None:
        """Replaces what the registry was told."""
        status = (await self.health.verdict()).status
        if self._agent is not None:
            self._agent.replace(json.dumps({**registration, "status": status}))

    async def companions_ended(self) -> None:
        """Waits, once the agent is ending, until nothing runs beside it any more."""
        if self._company:
            await asyncio.wait(self._company)

    async def leave(self) -> None:
        """Tells the registry, at most once, and ends the membership."""
        agent, self._agent = self._agent, None
        for watch in self._watches:
            watch.cancel()
        if agent is None:
            return
        last_spans = asyncio.to_thread(self._tracing.stop) if self._tracing else asyncio.sleep(0)
        problem, _ = await asyncio.gather(asyncio.to_thread(agent.stop, FAREWELL), last_spans)
        membership.enter(None)
        if problem is not None:
            logger.info("the registry was not told that the agent leaves: %s", problem)

    def leave_at_exit(self) -> None:
        """The farewell of a process that ends without its event loop."""
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.stop(FAREWELL)
        if self._tracing is not None:
            self._tracing.stop()

    def _spans(self, address: Address) -> Spans | None:
        settings = self.settings
        if settings.tracing is None:
            return None
        agent = (settings.agent_id, settings.name, settings.namespace)
        self._tracing = Tracing(settings.tracing, agent, address)
        return self._tracing.spans

    def runtime(self) -> tuple[str, str | None]:
        """The runtime's state for the probes, and what is wrong with it."""
        if self.ending.is_set():
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

    async def _accompany(self, companion: Companion, current: Membership) -> None:
        try:
            if await self._is_known():
                async with companion(current):
                    await self.ending.wait()
        except Exception:
            # The tools are served without it.
            logger.exception("what runs beside the agent failed")

    async def _is_known(self) -> bool:
        """Waits until the registry knows the agent; False if it stops before that."""
        pause = FIRST_LOOK
        while self._agent is not None and not self.ending.is_set():
            if self._agent.status()[0] in ("registered", "standalone"):
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), pause)
            pause = min(2 * pause, LAST_LOOK)
        return False

    def _announce_health(self, status: str) -> None:
        if self._agent is not None:
            self._agent.set_health(status)
