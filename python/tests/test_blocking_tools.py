"""Tools that block: others are served meanwhile, probes are answered, and the agent still stops."""

import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, call_with_headers, get, wait_for
from fake_mesh import FakeRegistry
from test_lifecycle import base, registered, try_call

# `hold` blocks until the test lets it go on; a test that fails must not wait for ever.
HOLD = """
    import asyncio, threading, time
    from pathlib import Path
    import mesh

    def hold(name: str) -> str:
        Path(f"{name}.in").touch()
        for _ in range(6000):
            if Path(f"{name}.out").exists():
                return threading.current_thread().name
            time.sleep(0.02)
        return "left alone"

    @mesh.tool("blocks")
    async def blocks(name: str) -> str:
        return hold(name)

    @mesh.tool("waits_and_blocks")
    async def waits_and_blocks(name: str) -> str:
        await asyncio.sleep(0)
        return hold(name)

    @mesh.tool("waits")
    async def waits() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    @mesh.tool("plain")
    def plain() -> str:
        return threading.current_thread().name

    @mesh.agent(name="holder")
    class Holder: ...
"""


@pytest.fixture
def agents(tmp_path: Path, registry: FakeRegistry) -> Iterator[Agents]:
    agents = Agents(tmp_path, registry.url)
    yield agents
    agents.close()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """Calls that the test does not wait for at once."""
    with ThreadPoolExecutor() as pool:
        yield pool


def result(answer: dict[str, Any]) -> Any:
    return answer["structuredContent"]["result"]


def held(
    agent: AgentProcess, background: ThreadPoolExecutor, url: str, tool: str, name: str
) -> Future[dict[str, Any]]:
    """A call that blocks, once it does."""
    blocked = background.submit(call, url, tool, name=name)
    wait_for("the tool to block", (agent.folder / f"{name}.in").exists)
    return blocked


def connection_to(registration: dict[str, Any]) -> socket.socket:
    address = registration["http_host"], registration["http_port"]
    return socket.create_connection(address, timeout=30)


def first_line(registration: dict[str, Any], path: str) -> str:
    """How the answer to a request begins."""
    with connection_to(registration) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile().readline().rstrip()


def let_go(agent: AgentProcess, name: str) -> None:
    (agent.folder / f"{name}.out").touch()


def test_defect_26_a_tool_that_blocks_holds_up_no_other(
    agents: Agents, registry: FakeRegistry, background: ThreadPoolExecutor
) -> None:
    agent = agents.start(HOLD)
    url = base(registered(registry, agent))
    blocked = [held(agent, background, url, "blocks", name) for name in ("a", "b")]
    assert result(call(url, "waits")) == "MainThread"
    assert get(f"{url}/livez")[0] == 200
    # Another call of the same tool ends before those that block.
    let_go(agent, "c")
    assert result(call(url, "blocks", name="c")).startswith("mesh-tool-")
    assert not any(each.done() for each in blocked)
    let_go(agent, "a")
    let_go(agent, "b")
    threads = {result(each.result()) for each in blocked}
    assert len(threads) == 2, "each has a thread of its own"
    assert all(thread.startswith("mesh-tool-") for thread in threads)
    assert agent.stop() == 0
    assert "Traceback" not in agent.errors()
    assert "blocked the event loop" not in agent.errors()


def test_probes_are_answered_while_a_tool_blocks_the_event_loop(
    agents: Agents, registry: FakeRegistry, background: ThreadPoolExecutor
) -> None:
    agent = agents.start(HOLD)
    registration = registered(registry, agent)
    url = base(registration)
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    usual = {path: get(f"{url}/{path}") for path in ("livez", "ready", "health", "startupz")}
    blocked = held(agent, background, url, "waits_and_blocks", "a")
    with connection_to(registration) as slow:
        slow.sendall(b"GET /liv")  # Nobody can tell yet what that becomes.
        for path, (status, body) in usual.items():
            answered, fields = get(f"{url}/{path}?now")
            assert (answered, {**fields, "timestamp": ""}) == (status, {**body, "timestamp": ""})
        # Others wait for their turn, whoever has accepted them.
        other = background.submit(call, url, "waits")
        unknown = background.submit(first_line, registration, "/livez/no")
        wait_for("the warning", lambda: "blocked the event loop" in agent.errors())
        assert get(f"{url}/livez")[0] == 200
        assert not other.done()
        assert not blocked.done()
        let_go(agent, "a")
        assert result(blocked.result()) == "MainThread"
        assert result(other.result()) == "MainThread"
        assert unknown.result() == "HTTP/1.1 404 Not Found"
        slow.sendall(b"ez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert slow.recv(4096).startswith(b"HTTP/1.1 200")
    wait_for("the end of it", lambda: "turns again" in agent.errors())
    warnings = [line for line in agent.errors().splitlines() if " WARNING " in line]
    lines = (agent.folder / "agent.py").read_text().splitlines()
    sleeping = next(n for n, line in enumerate(lines, 1) if "time.sleep" in line)
    looking = next(n for n, line in enumerate(lines, 1) if ".out" in line)
    assert len(warnings) == 1
    assert "the tool `waits_and_blocks` has blocked the event loop" in warnings[0]
    assert any(f"agent.py:{n} in hold" in warnings[0] for n in (sleeping, looking))
    assert "asyncio.to_thread" in warnings[0]
    assert "MCP_MESH_TOOL_WORKERS" in warnings[0]
    assert agent.stop() == 0


@pytest.mark.parametrize(
    ("tool", "workers"), [("blocks", "1"), ("waits_and_blocks", "1"), ("waits_and_blocks", "2")]
)
def test_an_agent_whose_tool_blocks_stops_all_the_same(
    tool: str, workers: str, agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(HOLD, tool_workers=workers)
    registration = registered(registry, agent)
    url = base(registration)
    threading.Thread(target=try_call, args=(url, tool), kwargs={"name": "a"}, daemon=True).start()
    wait_for("the tool to block", (agent.folder / "a.in").exists)
    agent.process.send_signal(signal.SIGTERM)
    assert agent.end() == 0
    assert registry.log[-1] == f"DELETE /agents/{registration['agent_id']}"
    assert "a call does not end; the agent ends without it" in agent.errors()
    assert "Traceback" not in agent.errors()


def test_what_the_mesh_does_not_know_is_watched_as_well(
    agents: Agents, registry: FakeRegistry, background: ThreadPoolExecutor
) -> None:
    app = """
    from fastmcp import FastMCP
    app = FastMCP("mine")

    @app.tool()
    async def of_fastmcp(name: str) -> str:
        return hold(name)

    @mesh.agent("""
    agent = agents.start(HOLD.replace("\n    @mesh.agent(", app))
    url = base(registered(registry, agent))
    blocked = held(agent, background, url, "of_fastmcp", "a")
    assert get(f"{url}/livez")[0] == 200
    wait_for("the warning", lambda: "the program has blocked the event loop" in agent.errors())
    assert "in hold; whatever else" in agent.errors()
    let_go(agent, "a")
    assert result(blocked.result()) == "MainThread"
    assert agent.stop() == 0


def test_without_isolation_every_async_tool_is_in_the_programs_loop(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(HOLD, tool_isolation="off")
    url = base(registered(registry, agent))
    let_go(agent, "a")
    assert result(call(url, "blocks", name="a")) == "MainThread"
    assert result(call(url, "waits")) == "MainThread"
    assert result(call(url, "plain")) != "MainThread"
    assert agent.stop() == 0


OF_ONE_LOOP = """
    import asyncio, threading
    from contextlib import asynccontextmanager
    import mesh
    from fastmcp import FastMCP

    lock = asyncio.Lock()
    inbox = asyncio.Queue()
    done = []

    async def work():
        while True:
            done.append(await inbox.get())

    @asynccontextmanager
    async def lifespan(server):
        worker = asyncio.create_task(work())
        yield
        worker.cancel()

    app = FastMCP("mine", lifespan=lifespan)

    @app.tool()
    @mesh.tool("one")
    async def one() -> str:
        async with lock:
            await asyncio.sleep(0.01)
        return threading.current_thread().name

    @app.tool()
    @mesh.tool("other")
    async def other() -> str:
        async with lock:
            await asyncio.sleep(0.01)
        return threading.current_thread().name

    @app.tool()
    @mesh.tool("enqueue")
    async def enqueue(what: str) -> str:
        inbox.put_nowait(what)
        return threading.current_thread().name

    @app.tool()
    @mesh.tool("worked")
    async def worked() -> list[str]:
        return done

    @app.tool()
    @mesh.tool("start")
    async def start(what: str) -> str:
        begin(what)
        return threading.current_thread().name

    @app.tool()
    @mesh.tool("traced")
    async def traced() -> dict:
        trace = mesh.TraceContext.get_current()
        headers = mesh.TraceContext.get_propagated_headers()
        thread = threading.current_thread().name
        return {"trace": trace.trace_id, "tenant": headers.get("x-tenant"), "thread": thread}

    def begin(what):
        # Found by nobody, so it lives on in the loop of the thread.
        asyncio.create_task(later(what))

    async def later(what):
        await asyncio.sleep(0.05)
        done.append(f"{what} in {threading.current_thread().name}")

    @mesh.agent(name="sharing")
    class Sharing: ...
"""


def test_what_belongs_to_one_loop_is_shared_by_tools_and_the_lifespan(
    agents: Agents, registry: FakeRegistry, background: ThreadPoolExecutor
) -> None:
    agent = agents.start(OF_ONE_LOOP, propagate_headers="x-tenant")
    url = base(registered(registry, agent))
    calls = [background.submit(call, url, tool) for tool in ("one", "other", "one", "other")]
    assert {result(each.result()) for each in calls} == {"MainThread"}
    assert result(call(url, "enqueue", what="letter")) == "MainThread"
    wait_for("the task of the lifespan", lambda: result(call(url, "worked")) == ["letter"])
    thread = result(call(url, "start", what="later"))
    assert thread.startswith("mesh-tool-")
    wait_for(
        "the background task", lambda: result(call(url, "worked"))[1:] == [f"later in {thread}"]
    )
    sent = {"X-Trace-ID": "0123456789abcdef" * 2, "X-Tenant": "blue"}
    answer, answered = call_with_headers(url, "traced", sent, {})
    seen = answer["structuredContent"]
    assert (seen["trace"], seen["tenant"]) == (sent["X-Trace-ID"], "blue")
    assert seen["thread"].startswith("mesh-tool-")
    assert answered["x-trace-id"] == sent["X-Trace-ID"]
    assert agent.stop() == 0
    assert "Traceback" not in agent.errors()
