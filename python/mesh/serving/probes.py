"""What an agent says about itself: /health, /ready, /livez, /startupz, /metadata and /metrics."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from mesh.serving.health import HealthMonitor, Verdict, judge
from mesh.serving.requests import Scope, Send

Body = dict[str, Any]

# Runtime states in which calls are served.
SERVING = ("up", "standalone")


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
        self.routes: dict[str, Callable[[], Awaitable[tuple[int, Body | str]]]] = {
            "/health": self.health,
            "/ready": self.ready,
            "/livez": self.livez,
            "/startupz": self.startupz,
            "/metadata": self.metadata,
            "/metrics": self.metrics,
        }

    async def health(self) -> tuple[int, Body]:
        """Whether the agent is well, by its own check."""
        runtime, _ = self._runtime()
        if runtime == "starting":
            return 503, self._body(status="starting")
        verdict = await self._health.verdict()
        body = self._body(status=verdict.status, **_details(verdict))
        return (200 if verdict.status == "healthy" else 503), body

    async def ready(self) -> tuple[int, Body]:
        """Whether calls are served."""
        runtime, reason = self._runtime()
        is_ready = runtime in SERVING
        body = self._body(ready=is_ready, runtime=runtime, mcp_wrappers=self._tool_count())
        if reason:
            body["reason"] = reason
        return (200 if is_ready else 503), body

    async def livez(self) -> tuple[int, Body]:
        """Whether the event loop turns."""
        return 200, self._body(alive=True)

    async def startupz(self) -> tuple[int, Body]:
        """Whether the program has started, by its own check; asked until it says yes."""
        verdict: Verdict | None = None
        if not self._has_started and self._startup_check is not None:
            verdict = await judge(self._startup_check)
            self._has_started = verdict.status == "healthy"
        body = self._body(started=self._has_started)
        if verdict is not None:
            body |= _details(verdict)
            if not self._has_started:
                body["reason"] = "startup_check has not passed"
        return (200 if self._has_started else 503), body

    async def metadata(self) -> tuple[int, Body]:
        """What the agent offers, by the names of its capabilities."""
        capabilities = {tool["capability"] for tool in self._registration["tools"]} - {""}
        verdict = await self._health.verdict()
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

    async def metrics(self) -> tuple[int, str]:
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
        body: Body | str
        if scope["method"] not in ("GET", "HEAD"):
            status, body = 405, {"error": "a probe is asked with GET or HEAD"}
        else:
            status, body = await self.routes[path]()
        if isinstance(body, str):
            kind, text = b"text/plain; version=0.0.4; charset=utf-8", body.encode()
        else:
            kind, text = b"application/json", json.dumps(body, default=str).encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if scope["method"] == "HEAD" else text
        await send({"type": "http.response.body", "body": content})

    def _tool_count(self) -> int:
        return len(self._registration["tools"])

    def _body(self, **fields: Any) -> Body:
        body = {**fields, "agent": self._registration["name"], "timestamp": _now()}
        kind = self._registration["agent_type"]
        if kind != "mcp_agent":
            # Of a program whose server is its own, the mesh speaks only for itself.
            body |= {"service_type": kind, "mesh_ready": self._runtime()[0] in SERVING}
        return body


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _details(verdict: Verdict) -> Body:
    details: Body = {}
    if verdict.checks:
        details["checks"] = dict(verdict.checks)
    if verdict.errors:
        details["errors"] = list(verdict.errors)
    return details
