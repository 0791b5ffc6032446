"""The registry of a mesh in memory: the real one, in this process and without a socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mesh._mesh import InMemoryRegistry, Target
from mesh.calling.membership import to_json

if TYPE_CHECKING:
    import asyncio

    from mesh._mesh import CallHandle, Jobs

Fields = dict[str, Any]
WIRED = ("available", "healthy")


class Registry:
    """Knows who is there, and decides who is wired to whom."""

    def __init__(self) -> None:
        self._native = InMemoryRegistry()

    def register(self, registration: Mapping[str, Any]) -> Fields:
        """Its answer: who fills the dependencies. Raises `ValueError` with the reason for which it
        refuses the registration."""
        _, text = self._native.ask("POST", "/heartbeat", to_json(registration))
        answer: Fields = json.loads(text)
        if answer.get("status") != "success":
            raise ValueError(answer.get("message") or answer.get("error"))
        return answer

    def leave(self, agent_id: str) -> None:
        """Takes an agent out of the mesh."""
        self._native.ask("DELETE", f"/agents/{agent_id}")

    def jobs(self) -> Jobs:
        """Asks it about jobs."""
        return self._native.jobs()


class Wiring:
    """What fills the dependencies of one agent, as its heartbeats would tell it."""

    def __init__(self, registry: Registry, registration: Mapping[str, Any]) -> None:
        self._registry = registry
        self._registration = registration
        registry.register(registration)

    def slot(self, function: str, index: int) -> Target | None:
        """Who fills a dependency now."""
        entries = self._answer("dependencies_resolved").get(function) or []
        if index >= len(entries) or entries[index]["status"] not in WIRED:
            return None
        entry = entries[index]
        kwargs = entry.get("kwargs")
        return Target.of(
            entry["agent_id"],
            entry["endpoint"],
            entry["function_name"],
            entry["capability"],
            None if kwargs is None else to_json(kwargs),
        )

    def llm_provider(self, function: str) -> Fields | None:
        """Who answers what a function asks an LLM."""
        provider: Fields | None = self._answer("llm_providers").get(function)
        return provider if provider and provider["status"] in WIRED else None

    def llm_tools(self, function: str) -> list[Fields]:
        """The tools that a function offers to its LLM."""
        return self._answer("llm_tools").get(function) or []

    def _answer(self, part: str) -> Fields:
        return self._registry.register(self._registration).get(part) or {}


class ToldJobs:
    """`mesh._mesh.Jobs`, but a job that is cancelled here is cancelled in this process as well:
    the registry in memory knows no address where it could tell an agent."""

    def __init__(self, native: Jobs, cancelled: Callable[[str], None]) -> None:
        self._native = native
        self._cancelled = cancelled

    def cancel(self, job_id: str, reason: str | None, future: asyncio.Future[Fields]) -> CallHandle:
        """Calls a job off."""

        def tell(done: asyncio.Future[Fields]) -> None:
            if not done.cancelled() and done.exception() is None:
                self._cancelled(job_id)

        future.add_done_callback(tell)
        return self._native.cancel(job_id, reason, future)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)
