"""The probes of an agent: /health, /ready, /livez and /startupz."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from mesh.serving.health import HealthMonitor, Verdict, judge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

Body = dict[str, Any]


class Probes:
    """Answers the probes. Readiness is the runtime's own state and nobody's opinion; `/health` is
    the program's opinion."""

    def __init__(
        self,
        name: str,
        health: HealthMonitor,
        startup_check: Callable[[], Any] | None,
        runtime: Callable[[], tuple[str, str | None]],
        tool_count: Callable[[], int],
    ) -> None:
        self._name = name
        self._health = health
        self._startup_check = startup_check
        self._runtime = runtime
        self._tool_count = tool_count
        self._has_started = startup_check is None
        self.routes: dict[str, Callable[[], Awaitable[tuple[int, Body]]]] = {
            "/health": self.health,
            "/ready": self.ready,
            "/livez": self.livez,
            "/startupz": self.startupz,
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
        is_ready = runtime in ("up", "standalone")
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

    async def answer(self, scope: Scope, send: Send) -> None:
        """Serves one probe as an ASGI application does."""
        if scope["method"] not in ("GET", "HEAD"):
            status, body = 405, {"error": "a probe is asked with GET or HEAD"}
        else:
            status, body = await self.routes[scope["path"]]()
        text = json.dumps(body, default=str).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(text)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if scope["method"] == "HEAD" else text
        await send({"type": "http.response.body", "body": content})

    def _body(self, **fields: Any) -> Body:
        now = datetime.now(UTC).isoformat()
        return {**fields, "agent": self._name, "timestamp": now}


def _details(verdict: Verdict) -> Body:
    details: Body = {}
    if verdict.checks:
        details["checks"] = dict(verdict.checks)
    if verdict.errors:
        details["errors"] = list(verdict.errors)
    return details
