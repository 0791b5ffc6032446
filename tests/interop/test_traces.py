"""Traces of real agents, from a real Redis through our registry, as either `meshctl` shows them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import free_port
from mesh_harness import (
    OUR_MESHCTL,
    OUR_REGISTRY,
    OUR_VENV,
    UPSTREAM_MESHCTL,
    UPSTREAM_VENV,
    Mesh,
    run,
    wait_for,
)

TIME = re.compile(r"\[(<?\d+)ms\]")
COLOUR = re.compile(r"\x1b\[\d*m")

OF_TRACE = [
    *("TraceID", "Spans", "StartTime", "EndTime", "Duration", "Success"),
    *("SpanCount", "AgentCount", "Agents"),
]
OF_SPAN = [
    *("TraceID", "SpanID", "ParentSpan", "AgentName", "AgentID", "IPAddress", "Operation"),
    *("StartTime", "EndTime", "DurationMS", "Success", "ErrorMessage", "Capability"),
    *("TargetAgent", "Runtime"),
]


@pytest.fixture
def traced(mesh: Mesh, tmp_path: Path) -> Iterator[Mesh]:
    """A mesh whose registry and agents share a Redis of this test's own."""
    assert shutil.which("redis-server"), "redis-server is missing: apt-get install redis-server"
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with (tmp_path / "redis.log").open("wb") as log:
        process = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=log, stderr=log)
    settings = {
        "MCP_MESH_DISTRIBUTED_TRACING_ENABLED": "true",
        "REDIS_URL": f"redis://127.0.0.1:{port}",
    }
    mesh.registry_settings.update(settings)
    mesh.agent_settings.update(settings)
    try:
        mesh.start_registry(OUR_REGISTRY)
        wait_for("Redis", lambda: state(mesh) == "connected")
        yield mesh
    finally:
        process.terminate()
        process.wait(10)


def state(mesh: Mesh) -> str:
    return str(mesh.get("/trace/status", 15).json()["stream"]["connection_state"])


def traced_call(mesh: Mesh, tool: str, arguments: str = "{}") -> str:
    """Calls a tool with our `meshctl` and returns the id of the trace."""
    command = [OUR_MESHCTL, "call", tool, arguments, "--trace"]
    done = run(command, mesh.home, mesh.environment(OUR_VENV))
    assert done.returncode == 0, done.stderr
    said = re.match(r"Trace ID: ([0-9a-f]{32})\n.*`meshctl trace \1`", done.stderr)
    assert said, done.stderr
    return said[1]


def whole_trace(mesh: Mesh, tool: str, arguments: str, spans: int) -> str:
    """Calls until every span has arrived: agents connect to Redis beside their first calls."""

    def arrived() -> str | None:
        trace = traced_call(mesh, tool, arguments)

        def complete() -> bool:
            answer = mesh.get(f"/trace/{trace}")
            return answer.status_code == 200 and len(answer.json()["Spans"]) == spans

        try:
            wait_for("the spans", complete, seconds=3)
        except AssertionError:
            return None
        return trace

    return wait_for("a whole trace", arrived, seconds=60)


def shown(mesh: Mesh, *arguments: str, binary: Path = OUR_MESHCTL) -> list[str]:
    """The lines that `meshctl trace` prints, whatever the calls took."""
    text = COLOUR.sub("", mesh.meshctl("trace", *arguments, binary=binary))
    return TIME.sub("[…]", text).splitlines()


@pytest.mark.parametrize(
    ("consumer", "provider"),
    [
        pytest.param(OUR_VENV, OUR_VENV, id="ours"),
        pytest.param(OUR_VENV, UPSTREAM_VENV, id="our-consumer-its-provider"),
        pytest.param(UPSTREAM_VENV, OUR_VENV, id="its-consumer-our-provider"),
    ],
)
def test_a_trace_shows_the_calls_of_all_agents(
    traced: Mesh, consumer: Path, provider: Path
) -> None:
    traced.start_agent("provider.py", provider)
    traced.wait_for_agent("interop-provider")
    traced.start_agent("consumer.py", consumer)
    traced.wait_for_agent("interop-consumer", resolved=2)
    trace = whole_trace(traced, "welcome", '{"name": "Ada"}', spans=5)

    tree = [
        "└─ welcome (interop-consumer) […] ✓",
        "   ├─ greet (interop-provider) […] ✓",
        "   └─ add (interop-provider) […] ✓",
    ]
    ours = shown(traced, trace)
    assert ours[0] == f"Call tree of trace {trace}"
    assert ours[2:5] == tree
    assert ours[6].startswith("Summary: 5 spans (2 internal not shown), 2 agents, ")
    assert ours[7] == "Agents: interop-consumer, interop-provider"
    assert shown(traced, trace, binary=UPSTREAM_MESHCTL)[3:6] == tree
    assert shown(traced, trace, "--show-internal")[3:5] == [
        "   ├─ proxy_call_wrapper (interop-consumer) → interop-provider […] ✓",
        "   │  └─ greet (interop-provider) […] ✓",
    ]

    answers: list[dict[str, Any]] = [
        json.loads(traced.meshctl("trace", trace, "--json")),
        json.loads(traced.meshctl("trace", trace, "--json", binary=UPSTREAM_MESHCTL)),
    ]
    said = answers[0]
    assert list(said) == OF_TRACE
    assert all(list(span) == OF_SPAN for span in said["Spans"])
    assert said["Duration"] >= max(span["DurationMS"] for span in said["Spans"]) * 1_000_000
    assert [span["Runtime"] for span in said["Spans"]] == ["python"] * 5
    # The published one leaves out what is null.
    said["Spans"] = [
        {name: value for name, value in span.items() if value is not None} for span in said["Spans"]
    ]
    assert answers[1] == said


def test_a_trace_shows_why_a_call_failed(traced: Mesh) -> None:
    traced.start_agent("provider.py", OUR_VENV)
    traced.start_agent("lost.py", OUR_VENV)
    traced.wait_for_agent("interop-lost", resolved=1)
    trace = whole_trace(traced, "lose", "{}", spans=3)
    text = shown(traced, trace)
    assert text[2:5] == [
        "└─ lose (interop-lost) […] ✗",
        "   │  lost {'sum': 5}",
        "   └─ add (interop-provider) […] ✓",
    ]
    assert text[6].endswith("✗ 1 failed")
    assert json.loads(traced.meshctl("trace", trace, "--json"))["Success"] is False
