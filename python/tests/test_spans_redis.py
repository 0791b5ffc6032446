"""Spans of several agents reach a real Redis, and a Redis that is not there is no harm."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent_process import Agents, call, call_with_headers, free_port, wait_for
from chain import BACK, start_chain
from real_mesh import address, real_mesh
from test_spans import EVERYWHERE

TRACE = "0123456789abcdef" * 2
SPAN = "fedcba9876543210"


@dataclass
class Redis:
    """A Redis of this test's own."""

    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def ask(self, *command: str) -> str:
        port = str(self.port)
        asked = ["redis-cli", "-p", port, "--json", *command]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout

    def spans(self, trace: str) -> list[dict[str, str]]:
        """The spans of a trace that have arrived, in that order."""
        entries = json.loads(self.ask("XRANGE", "mesh:trace", "-", "+") or "[]")
        spans = [dict(zip(fields[::2], fields[1::2], strict=True)) for _, fields in entries]
        return [span for span in spans if span["trace_id"] == trace]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    assert shutil.which("redis-server"), "redis-server is missing: apt-get install redis-server"
    redis = Redis(free_port())
    command = ["redis-server", "--port", str(redis.port), "--bind", "127.0.0.1", "--save", ""]
    with (tmp_path / "redis.log").open("wb") as log:
        process = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=log, stderr=log)
    try:
        wait_for("Redis", lambda: "PONG" in redis.ask("PING"))
        yield redis
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    """Agents beside a registry of this test's own."""
    with real_mesh(tmp_path) as agents:
        yield agents


def test_defect_28_spans_of_three_agents_are_one_tree_and_name_real_ports(
    agents: Agents, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis.url)
    url = start_chain(agents, distributed_tracing_enabled="true")
    headers = {"X-Trace-ID": TRACE, "X-Parent-Span": SPAN}
    outcome, _ = call_with_headers(url, "front", headers, {"word": "hi"})
    assert outcome["structuredContent"]["result"]["trace"] == TRACE

    def arrived() -> list[dict[str, str]] | None:
        spans = redis.spans(TRACE)
        return spans if len(spans) == 7 else None

    spans = wait_for("the spans", arrived)
    assert spans is not None
    by_id = {span["span_id"]: span for span in spans}

    def path(span: dict[str, str]) -> str:
        name = span.get("call_type", span["function_name"])
        above = by_id.get(span["parent_span"])
        return name if above is None else f"{path(above)} > {name}"

    to_middle = "front > proxy_call_wrapper > middle"
    assert {path(span) for span in spans} == {
        "front",
        "front > proxy_call_wrapper",
        to_middle,
        f"{to_middle} > self_dependency",
        f"{to_middle} > self_dependency > shout",
        f"{to_middle} > proxy_call_wrapper",
        f"{to_middle} > proxy_call_wrapper > back",
    }
    (root,) = (span for span in spans if path(span) == "front")
    assert root["parent_span"] == SPAN
    endpoints = {name: address(agents, name) for name in ("front", "middle", "back")}
    for span in spans:
        assert set(span) >= EVERYWHERE
        assert set(span) - EVERYWHERE <= {"request_bytes", "response_bytes", "call_type"}
        assert span["agent_endpoint"] == endpoints[span["agent_name"]]
        assert span["agent_endpoint"].endswith(f":{span['agent_port']}")
        assert span["success"] == "True"
    for agent in agents.started:
        assert agent.stop() == 0
        assert "did not reach Redis" not in agent.errors()


def test_the_last_spans_are_published_before_the_agent_ends(
    agents: Agents, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis.url)
    agent = agents.start(BACK, "back", distributed_tracing_enabled="1", trace_stream_maxlen="0")
    headers = {"X-Trace-ID": TRACE}
    url = address(agents, "back")
    # The connection is made beside the first calls.
    wait_for(
        "a first span",
        lambda: call_with_headers(url, "back", headers, {"word": "x"}) and (redis.spans(TRACE)),
    )
    before = len(redis.spans(TRACE))
    for _ in range(20):
        call_with_headers(url, "back", headers, {"word": "x"})
    assert agent.stop() == 0
    assert len(redis.spans(TRACE)) == before + 20
    assert all(span["parent_span"] == "null" for span in redis.spans(TRACE))


def test_without_redis_calls_go_on_and_the_end_says_what_was_lost(
    agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}")
    agent = agents.start(BACK, "back", distributed_tracing_enabled="true")
    url = address(agents, "back")
    for _ in range(5):
        assert not call(url, "back", word="x")["isError"]
    assert agent.stop() == 0
    assert "5 of 5 spans did not reach Redis" in agent.errors()
