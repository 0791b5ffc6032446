"""What an agent says about itself: /health, /ready, /livez, /startupz, /metadata and /metrics."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from mesh.serving.health import HealthMonitor, Verdict, judge
from mesh.serving.requests import Scope, Send

Body = dict[str, Any]
# Status, type and body.
Answer = tuple[int, bytes, bytes]

# Runtime states in which calls are served.
SERVING = ("up", "standalone")
METHODS = ("GET", "HEAD")
WRONG_METHOD = {"error": "a probe is asked with GET or HEAD"}
JSON = b"application/json"
PATHS = frozenset({"/health", "/ready", "/livez", "/startupz", "/metadata", "/metrics"})


class Probes:
    """Answers the probes. Readiness is the runtime's own state and nobody's opinion; `/health` is
    the program's opinion. `registration` is what the registry is told."""

    def __init__(
        self,
        registration: Mapping[str, Any],
        health: HealthMonitor,
        runtime: Callable[[], tuple[str, str | None]],
        *,
        startup_check: Callable[[], Any] | None = None,
    ) -> None:
        self._registration = registration
        self._health = health
        self._startup_check = startup_check
        self._runtime = runtime
        self._has_started = startup_check is None
        # What `startup_check` has said last.
        self._startup: Verdict | None = None
        # Each tells what is known, from any thread and without waiting.
        self.routes: dict[str, Callable[[], tuple[int, Body | str]]] = {
            "/health": self.health,
            "/ready": self.ready,
            "/livez": self.livez,
            "/startupz": self.startupz,
            "/metadata": self.metadata,
            "/metrics": self.metrics,
        }

    def health(self) -> tuple[int, Body]:
        """Whether the agent is well, by its own check."""
        runtime, _ = self._runtime()
        if runtime == "starting":
            return 503, self._body(status="starting")
        verdict = self._health.latest
        body = self._body(status=verdict.status, **_details(verdict))
        return (200 if verdict.status == "healthy" else 503), body

    def ready(self) -> tuple[int, Body]:
        """Whether calls are served."""
        runtime, reason = self._runtime()
        is_ready = runtime in SERVING
        body = self._body(ready=is_ready, runtime=runtime, mcp_wrappers=self._tool_count())
        if reason:
            body["reason"] = reason
        return (200 if is_ready else 503), body

    def livez(self) -> tuple[int, Body]:
        """Whether the process lives; a tool that blocks the event loop is no reason to end it."""
        return 200, self._body(alive=True)

    def startupz(self) -> tuple[int, Body]:
        """Whether the program has started, by its own check; asked until it says yes."""
        body = self._body(started=self._has_started)
        if self._startup is not None:
            body |= _details(self._startup)
        if not self._has_started:
            body["reason"] = "startup_check has not passed"
        return (200 if self._has_started else 503), body

    def metadata(self) -> tuple[int, Body]:
        """What the agent offers, by the names of its capabilities."""
        capabilities = {tool["capability"] for tool in self._registration["tools"]} - {""}
        verdict = self._health.latest
        return 200, {
            "agent_id": self._registration["agent_id"],
            "name": self._registration["name"],
            "agent_type": self._registration["agent_type"],
            "version": self._registration["version"],
            "namespace": self._registration["namespace"],
            "capabilities": sorted(each for each in capabilities if not each.startswith("__mesh_")),
            "status": verdict.status,
            # Any replica serves any call.
            "session_affinity": False,
            "timestamp": _now(),
        }

    def metrics(self) -> tuple[int, str]:
        """The same for Prometheus, in its text format."""
        runtime, _ = self._runtime()
        is_up = int(runtime in SERVING)
        agent = json.dumps(self._registration["name"])
        return 200, (
            "# HELP mcp_mesh_up Whether the agent serves calls.\n"
            "# TYPE mcp_mesh_up gauge\n"
            f"mcp_mesh_up{{agent={agent}}} {is_up}\n"
            "# HELP mcp_mesh_wrappers_total Functions that the agent serves.\n"
            "# TYPE mcp_mesh_wrappers_total gauge\n"
            f"mcp_mesh_wrappers_total{{agent={agent}}} {self._tool_count()}\n"
        )

    async def answer(self, path: str, scope: Scope, send: Send) -> None:
        """Serves one of the routes as an ASGI application does."""
        await respond(lambda: self.asked(path), scope, send)

    async def asked(self, path: str) -> Answer:
        """The answer of a route, for which the program's own checks are asked."""
        await self._ask(path)
        return self.known(path)

    def known(self, path: str) -> Answer:
        """Status, type and body of a route's answer, by what is known now; from any thread."""
        status, body = self.routes[path]()
        if isinstance(body, str):
            return status, b"text/plain; version=0.0.4; charset=utf-8", body.encode()
        return status, JSON, json.dumps(body, default=str).encode()

    async def _ask(self, path: str) -> None:
        """Has the program's own checks say what a route tells."""
        is_starting = path == "/health" and self._runtime()[0] == "starting"
        if path in ("/health", "/metadata") and not is_starting:
            await self._health.verdict()
        elif path == "/startupz" and self._startup_check is not None and not self._has_started:
            self._startup = await judge(self._startup_check)
            self._has_started = self._startup.status == "healthy"

    def _tool_count(self) -> int:
        return len(self._registration["tools"])

    def _body(self, **fields: Any) -> Body:
        body = {**fields, "agent": self._registration["name"], "timestamp": _now()}
        kind = self._registration["agent_type"]
        if kind != "mcp_agent":
            # Of a program whose server is its own, the mesh speaks only for itself.
            body |= {"service_type": kind, "mesh_ready": self._runtime()[0] in SERVING}
        return body


async def respond(ask: Callable[[], Awaitable[Answer]], scope: Scope, send: Send) -> None:
    """Serves a probe as an ASGI application does."""
    if scope["method"] not in METHODS:
        status, kind, text = 405, JSON, json.dumps(WRONG_METHOD).encode()
    else:
        status, kind, text = await ask()
    headers = [(b"content-type", kind), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    content = b"" if scope["method"] == "HEAD" else text
    await send({"type": "http.response.body", "body": content})


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _details(verdict: Verdict) -> Body:
    details: Body = {}
    if verdict.checks:
        details["checks"] = dict(verdict.checks)
    if verdict.errors:
        details["errors"] = list(verdict.errors)
    return details
