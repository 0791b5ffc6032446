"""Registries that are down, go away or answer nonsense: the agent serves on, says what is wrong,
and is back when they are."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, free_port, get, wait_for
from fake_mesh import FakeProvider, FakeRegistry, Request, provider, result

AGENT = """
    import mesh

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(remote: mesh.McpMeshTool = None) -> str:
        return "nobody" if remote is None else await remote()

    @mesh.agent(name="asker")
    class Asker: ...
"""
Answer = Callable[[Request], None]


class BadRegistry(FakeRegistry):
    """Answers as a test tells it, for as long as that wants."""

    bad: Answer | None = None

    def _handle(self, request: Request) -> None:
        if self.bad is None or request.method == "DELETE":
            super()._handle(request)
        else:
            self.log.append(f"bad {request.method}")
            self.bad(request)


def json_of(value: Any) -> Answer:
    return lambda request: request.answer(200, json.dumps(value))


def cut(request: Request) -> None:
    """Less than was announced."""
    request.handler.send_response(200)
    request.handler.send_header("content-length", "1000")
    request.handler.end_headers()
    request.handler.wfile.write(b'{"status": "succ')
    request.handler.wfile.flush()
    hang_up(request)


def hang_up(request: Request) -> None:
    request.handler.connection.close()
    request.handler.close_connection = True


GOOD = {"status": "success", "agent_id": "x", "timestamp": "2026-01-01T00:00:00Z", "message": ""}
# What a registry answers, and what `/ready` says of it.
NONSENSE: dict[str, tuple[Answer, str]] = {
    "html": (
        lambda request: request.answer(200, "<html><body>Welcome!</body></html>", "text/html"),
        "it is a page of HTML",
    ),
    "truncated": (lambda request: request.answer(200, '{"status": "succ'), "EOF"),
    "cut": (cut, ""),
    "empty": (lambda request: request.answer(200), "EOF"),
    "wrong types": (json_of({**GOOD, "dependencies_resolved": {"ask": "me"}}), "invalid type"),
    "500": (lambda request: request.answer(500, "oops"), "500"),
    "redirect": (
        lambda request: request.answer(302, location="http://127.0.0.1:1/heartbeat"),
        "302",
    ),
}


@pytest.fixture
def remote() -> Iterator[FakeProvider]:
    def answer(request: Request) -> None:
        content = [{"type": "text", "text": "hello"}]
        request.answer(200, result(request, content=content))

    remote = FakeProvider(answer)
    yield remote
    remote.server.close()


@pytest.fixture
def bad(remote: FakeProvider) -> Iterator[BadRegistry]:
    bad = BadRegistry({"ask": [provider(remote.url, "remote")]})
    yield bad
    bad.server.close()


@pytest.fixture
def agents(tmp_path: Path, bad: BadRegistry) -> Iterator[Agents]:
    agents = Agents(tmp_path, bad.url)
    yield agents
    agents.close()


def started(agents: Agents) -> tuple[AgentProcess, str]:
    port = free_port()
    agent = agents.start(AGENT, http_port=str(port), health_interval="1", settle_timeout="0")
    url = f"http://127.0.0.1:{port}"
    wait_for("the server", lambda: get(f"{url}/livez")[0] == 200)
    return agent, url


def ask(url: str) -> Any:
    return call(url, "ask")["structuredContent"]["result"]


def ended_well(agent: AgentProcess) -> None:
    assert agent.stop() == 0
    assert "Traceback" not in agent.errors()
    assert "panicked" not in agent.errors()


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_at_the_start_and_later_is_told_and_outlived(
    agents: Agents, bad: BadRegistry, nonsense: str
) -> None:
    bad.bad, told = NONSENSE[nonsense]
    agent, url = started(agents)

    def complaint() -> str | None:
        status, body = get(f"{url}/ready")
        assert status == 200 or body["runtime"] == "starting"
        reason = body.get("reason") or ""
        return reason if reason.startswith("registry: ") else None

    assert told in wait_for("the complaint", complaint)
    assert ask(url) == "nobody"
    assert len(bad.log) < 20, "it does not hammer"

    bad.bad = None
    wait_for("the wiring", lambda: ask(url) == "hello")
    assert wait_for("no complaint", lambda: "reason" not in get(f"{url}/ready")[1])

    answer, _ = NONSENSE[nonsense]
    # A ping is answered by a status alone.
    bad.bad = lambda request: request.answer(202) if request.method == "HEAD" else answer(request)
    wait_for("the complaint", complaint)
    assert ask(url) == "hello", "what was wired stays wired"
    ended_well(agent)


def test_the_log_tells_of_an_outage_once_and_of_its_end(agents: Agents, bad: BadRegistry) -> None:
    bad.bad = hang_up
    port = free_port()
    agent = agents.start(
        """
        import logging
        import mesh

        @mesh.tool()
        def speak() -> None:
            logging.warning("the first line of the root logger gives it a handler")

        @mesh.agent(name="speaker")
        class Speaker: ...
        """,
        http_port=str(port),
        health_interval="1",
    )
    url = f"http://127.0.0.1:{port}"
    wait_for("the server", lambda: get(f"{url}/livez")[0] == 200)
    call(url, "speak")
    assert "gives it a handler" in agent.errors()
    wait_for("the warning", lambda: "MCP_MESH_REGISTRY_URL" in agent.errors())

    bad.bad = None
    end = f"the agent is registered at {bad.url}"
    wait_for("the end", lambda: end in agent.errors())
    ended_well(agent)
    assert agent.errors().count("the agent is not registered: ") == 1
    assert agent.errors().count(end) == 1


def test_what_may_be_missing_may_be_missing(agents: Agents, bad: BadRegistry) -> None:
    bad.bad = json_of({**GOOD, "dependencies_resolved": None, "more": {"than": ["known"]}})
    agent, url = started(agents)
    wait_for("the registration", lambda: get(f"{url}/ready")[1].get("ready"))
    assert ask(url) == "nobody"
    ended_well(agent)


def test_a_slow_registry_holds_nothing_up(agents: Agents, bad: BadRegistry) -> None:
    with ExitStack() as stack:
        from threading import Event

        release = Event()
        stack.callback(release.set)
        bad.bad = lambda _request: release.wait(20) and None
        agent, url = started(agents)
        wait_for("a request", lambda: bad.log)
        assert ask(url) == "nobody"
        status, body = get(f"{url}/ready")
        assert (status, body["reason"]) == (503, "the first registration is under way")
        ended_well(agent)


def test_a_huge_answer_is_read_or_refused_but_kills_nothing(
    agents: Agents, bad: BadRegistry
) -> None:
    def huge(request: Request) -> None:
        filler = "x" * (64 << 20)
        request.answer(200, json.dumps({**GOOD, "filler": filler}))

    bad.bad = huge
    agent, url = started(agents)
    wait_for("the answer", lambda: get(f"{url}/ready")[1].get("ready"), 60)
    assert ask(url) == "nobody"
    ended_well(agent)
