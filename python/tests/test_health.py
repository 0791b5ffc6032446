"""Health checks, and the probes that ask them."""

import asyncio
import json
from typing import Any

import pytest

from mesh.serving.health import HealthMonitor, Verdict, judge
from mesh.serving.probes import Probes


def fails() -> bool:
    raise OSError("no database")


async def coroutine() -> dict[str, Any]:
    return {"status": "degraded", "checks": {"db": False}, "errors": ["slow"]}


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (lambda: True, Verdict("healthy")),
        (lambda: False, Verdict("unhealthy", errors=("the check returned False",))),
        (coroutine, Verdict("degraded", {"db": False}, ("slow",))),
        (lambda: {"status": "unhealthy"}, Verdict("unhealthy")),
        (fails, Verdict("degraded", errors=("the check raised OSError: no database",))),
        (
            lambda: "fine",
            Verdict("degraded", errors=("the check returned 'fine', neither bool nor mapping",)),
        ),
    ],
)
async def test_what_a_check_may_return(check: Any, verdict: Verdict) -> None:
    assert await judge(check) == verdict


async def test_a_verdict_is_kept_for_its_time_and_changes_are_announced() -> None:
    answers = iter([True, False, False])
    announced: list[str] = []
    monitor = HealthMonitor(lambda: next(answers), 0.05, announced.append)
    assert (await monitor.verdict()).status == "healthy"
    assert (await monitor.verdict()).status == "healthy"
    await asyncio.sleep(0.06)
    assert (await monitor.verdict()).status == "unhealthy"
    assert announced == ["unhealthy"]


async def test_the_monitor_asks_without_being_asked() -> None:
    answers = iter([True, False])
    changed = asyncio.Event()
    monitor = HealthMonitor(lambda: next(answers, False), 0.02, lambda _status: changed.set())
    watch = asyncio.create_task(monitor.watch())
    await asyncio.wait_for(changed.wait(), 2)
    watch.cancel()


async def ask(probes: Probes, path: str, method: str = "GET") -> tuple[int, Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await probes.answer(path, {"type": "http", "path": path, "method": method}, send)
    body = sent[1]["body"].decode()
    is_json = dict(sent[0]["headers"])[b"content-type"] == b"application/json"
    return sent[0]["status"], json.loads(body) if body and is_json else body or None


def registered(kind: str = "mcp_agent") -> dict[str, Any]:
    tools = [{"capability": "greet"}, {"capability": ""}, {"capability": "__mesh_job_status"}]
    return {
        "agent_id": "greeter-1",
        "name": "greeter",
        "agent_type": kind,
        "version": "1.0.0",
        "namespace": "default",
        "tools": tools,
    }


def probes(
    check: Any = None, startup: Any = None, runtime: tuple[str, str | None] = ("up", None)
) -> Probes:
    monitor = HealthMonitor(check, 15, lambda _status: None)
    return Probes(registered(), monitor, lambda: runtime, startup_check=startup)


@pytest.mark.parametrize(
    ("given", "path", "status", "body"),
    [
        ({}, "/health", 200, {"status": "healthy"}),
        ({"check": lambda: False}, "/health", 503, {"status": "unhealthy"}),
        ({"check": coroutine}, "/health", 503, {"status": "degraded", "errors": ["slow"]}),
        ({"runtime": ("starting", None)}, "/health", 503, {"status": "starting"}),
        ({}, "/ready", 200, {"ready": True, "runtime": "up", "mcp_wrappers": 3}),
        ({"check": lambda: False}, "/ready", 200, {"ready": True}),
        ({"runtime": ("standalone", None)}, "/ready", 200, {"runtime": "standalone"}),
        ({"runtime": ("starting", "why")}, "/ready", 503, {"ready": False, "reason": "why"}),
        ({"runtime": ("shutting_down", None)}, "/ready", 503, {"runtime": "shutting_down"}),
        ({"check": lambda: False}, "/livez", 200, {"alive": True}),
        ({}, "/startupz", 200, {"started": True}),
        ({"startup": lambda: False}, "/startupz", 503, {"started": False}),
        ({"startup": fails}, "/startupz", 503, {"reason": "startup_check has not passed"}),
    ],
)
async def test_probes(given: Any, path: str, status: int, body: dict[str, Any]) -> None:
    answered, fields = await ask(probes(**given), path)
    assert answered == status
    assert fields["agent"] == "greeter"
    assert fields["timestamp"]
    assert body.items() <= fields.items()
    assert await ask(probes(**given), path, "HEAD") == (status, None)


async def test_a_startup_check_is_asked_until_it_passes() -> None:
    answers = iter([False, True])
    started = probes(startup=lambda: next(answers))
    assert [(await ask(started, "/startupz"))[0] for _ in range(3)] == [503, 200, 200]


async def test_a_probe_is_asked_with_get_or_head() -> None:
    status, body = await ask(probes(), "/health", "POST")
    assert (status, body) == (405, {"error": "a probe is asked with GET or HEAD"})


async def test_defect_07_metadata_and_metrics_are_served() -> None:
    status, body = await ask(probes(), "/metadata")
    assert status == 200
    assert body["agent_id"] == "greeter-1"
    assert body["capabilities"] == ["greet"]
    assert (body["status"], body["session_affinity"]) == ("healthy", False)
    status, text = await ask(probes(runtime=("starting", None)), "/metrics")
    assert status == 200
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ['mcp_mesh_up{agent="greeter"} 0', 'mcp_mesh_wrappers_total{agent="greeter"} 3']


@pytest.mark.parametrize("path", ["/health", "/ready", "/livez", "/startupz"])
@pytest.mark.parametrize(("runtime", "ready"), [("up", True), ("shutting_down", False)])
async def test_probes_of_a_gateway_tell_its_own_service_from_the_mesh(
    path: str, runtime: str, ready: bool
) -> None:
    monitor = HealthMonitor(None, 15, lambda _status: None)
    gateway = Probes(registered("api"), monitor, lambda: (runtime, None))
    _, body = await ask(gateway, path)
    assert (body["service_type"], body["mesh_ready"]) == ("api", ready)
