"""`MCP_MESH_TOOL_WORKERS`: what tools are given works in whichever loop they run."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, call_with_headers, get, wait_for
from job_mesh import ended, post, submit, tell
from real_mesh import address, real_mesh
from test_blocking_tools import held, let_go, result

CREW = """
    import asyncio, threading, time
    from pathlib import Path
    import mesh
    from fastmcp import Context, FastMCP
    from fastmcp.server.dependencies import get_context

    def here() -> str:
        return threading.current_thread().name

    app = FastMCP("crew")

    @mesh.tool("hold")
    async def hold(name: str) -> str:
        await asyncio.sleep(0)
        Path(f"{name}.in").touch()
        for _ in range(6000):
            if Path(f"{name}.out").exists():
                break
            time.sleep(0.02)
        return here()

    @mesh.tool("where")
    async def where() -> str:
        await asyncio.sleep(0)
        return here()

    @app.tool()
    @mesh.tool("tells")
    async def tells(ctx: Context) -> dict:
        await ctx.report_progress(1, 2, f"from {here()}")
        await get_context().report_progress(2, 2, "again")
        return {"thread": here(), "server": ctx.fastmcp.name}

    @mesh.tool("says")
    async def says(count: int) -> mesh.Stream[str]:
        try:
            async with asyncio.timeout(60):
                for number in range(count):
                    await asyncio.sleep(0)
                    yield f"{number} {here()};"
        finally:
            Path(f"said-{count}").touch()

    @mesh.tool("asks", dependencies=["where", "says", "far", "far_stream"])
    async def asks(
        where: mesh.McpMeshTool = None,
        says: mesh.McpMeshTool = None,
        far: mesh.McpMeshTool = None,
        far_stream: mesh.McpMeshTool = None,
    ) -> dict | None:
        if far is None or far_stream is None:
            return None
        first = None
        async for piece in says.stream(count=1000):
            first = piece
            break
        return {
            "here": here(),
            "where": await where(),
            "first": first,
            "far": await far(),
            "pieces": [piece async for piece in far_stream.stream()],
        }

    @mesh.tool("asks_blocking", dependencies=["where"])
    def asks_blocking(where: mesh.McpMeshTool = None) -> list | None:
        return where and [here(), where()]

    @mesh.llm(provider={"capability": "llm"}, response_model=str)
    @mesh.tool("consults")
    async def consults(llm: mesh.MeshLlmAgent = None) -> list | None:
        return None if llm is None else [here(), await llm("well?")]

    @mesh.tool("works", task=True)
    async def works(job: mesh.MeshJob = None) -> dict:
        await job.update_progress(0.5, "half way")
        await job.request_input("go on?")
        event = await job.recv_event(["answer"], 60)
        return {"thread": here(), "event": event["payload"], "over": await job.is_terminal()}

    @mesh.tool("grinds", task=True)
    async def grinds(job: mesh.MeshJob = None) -> dict:
        time.sleep(0.01)
        return {"thread": here(), "job": job.job_id}

    @mesh.tool("endless", task=True)
    async def endless(job: mesh.MeshJob = None) -> dict:
        await job.update_progress(0.1)
        Path("endless.in").touch()
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.01)
            Path("endless.out").write_text(here())

    @mesh.agent(name="crew")
    class Crew: ...
"""

FAR = """
    import mesh

    @mesh.tool("far")
    async def far() -> dict:
        trace = mesh.TraceContext.get_current()
        return {
            "trace": trace and trace.trace_id,
            "headers": mesh.TraceContext.get_propagated_headers(),
        }

    @mesh.tool("far_stream")
    async def far_stream() -> mesh.Stream[str]:
        for word in ("one", "two"):
            yield word

    @mesh.tool("llm", vendor="nobody")
    async def think(request: dict) -> dict:
        return {"role": "assistant", "content": "yes"}

    @mesh.agent("far-away")
    class Far: ...
"""


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    with real_mesh(tmp_path_factory.mktemp("workers")) as agents:
        yield agents


@pytest.fixture(scope="module")
def crew(agents: Agents) -> AgentProcess:
    """An agent whose tools share two loops."""
    agents.start(FAR, "far", propagate_headers="x-tenant")
    return agents.start(CREW, "crew", propagate_headers="x-tenant", tool_workers="2")


@pytest.fixture(scope="module")
def url(agents: Agents, crew: AgentProcess) -> str:
    url = address(agents, "crew")
    wait_for("the wiring", lambda: result_or_none(call(url, "asks")))
    wait_for("an LLM", lambda: result_or_none(call(url, "consults")))
    return url


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def result_or_none(answer: dict[str, Any]) -> Any:
    return None if answer["isError"] else result(answer)


LOOPS = {"mesh-loop-1", "mesh-loop-2"}


def test_calls_are_shared_and_avoid_a_loop_that_is_blocked(
    crew: AgentProcess, url: str, background: ThreadPoolExecutor
) -> None:
    first = held(crew, background, url, "hold", "a")
    free = {result(call(url, "where")) for _ in range(5)}
    assert len(free) == 1
    assert free < LOOPS
    second = held(crew, background, url, "hold", "b")
    # Both are blocked, and the program's own loop is not.
    for probe in ("livez", "ready", "health"):
        assert get(f"{url}/{probe}")[0] == 200
    for name in LOOPS:
        warning = f"the tool `hold` has blocked the event loop {name} for"
        wait_for("the warning", lambda warning=warning: warning in crew.errors())
    assert not first.done()
    let_go(crew, "a")
    let_go(crew, "b")
    assert {result(first.result()), result(second.result())} == LOOPS


def test_proxies_streams_traces_and_headers_work_in_any_loop(url: str, crew: AgentProcess) -> None:
    sent = {"X-Trace-ID": "0123456789abcdef" * 2, "X-Tenant": "blue"}
    answer, answered = call_with_headers(url, "asks", sent, {})
    asked = result(answer)
    assert asked["here"] in LOOPS
    assert asked["where"] in LOOPS
    assert asked["first"] in {f"0 {name};" for name in LOOPS}
    assert asked["far"] == {"trace": sent["X-Trace-ID"], "headers": {"x-tenant": "blue"}}
    assert asked["pieces"] == ["one", "two"]
    assert answered["x-trace-id"] == sent["X-Trace-ID"]
    # The stream that was not read on has cleaned up.
    assert (crew.folder / "said-1000").exists()
    assert result(call(url, "asks_blocking"))[1] in LOOPS
    spoken = result(call(url, "says", count=3)).split(";")
    assert [piece.split(" ")[0] for piece in spoken] == ["0", "1", "2", ""]
    assert spoken[0].split(" ")[1] in LOOPS


def test_an_llm_is_asked_from_any_loop(url: str) -> None:
    thread, answer = result(call(url, "consults"))
    assert thread in LOOPS
    assert answer == "yes"


def test_the_context_of_fastmcp_works_in_any_loop(url: str) -> None:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "tells", "arguments": {}, "_meta": {"progressToken": "p"}},
    }
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }
    request = urllib.request.Request(f"{url}/mcp", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    messages = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    said = [
        each["params"]["message"]
        for each in messages
        if each.get("method") == "notifications/progress"
    ]
    told = messages[-1]["result"]["structuredContent"]
    assert told["thread"] in LOOPS
    assert told["server"] == "crew"
    thread = told["thread"]
    assert said == [f"from {thread}", "again"]


def test_a_job_is_worked_on_in_any_loop(agents: Agents, url: str) -> None:
    del url
    job_id = submit(agents, "works")
    tell(agents, job_id, "answer", {"ok": True})
    state, outcome = ended(agents, job_id)
    assert state == "completed"
    assert outcome.pop("thread") in LOOPS
    assert outcome == {"event": {"ok": True}, "over": False}
    # One that never waits has a thread of its own, as other tools do.
    job_id = submit(agents, "grinds")
    state, outcome = ended(agents, job_id)
    assert (state, outcome["job"]) == ("completed", job_id)
    assert outcome["thread"].startswith("mesh-tool-")


def test_a_cancelled_job_is_cancelled_there(agents: Agents, crew: AgentProcess, url: str) -> None:
    del url
    job_id = submit(agents, "endless")
    wait_for("the handler", (crew.folder / "endless.in").exists)
    status, _ = post(f"{agents.registry_url}/jobs/{job_id}/cancel", {"reason": "enough"})
    assert status == 200
    written = crew.folder / "endless.out"
    wait_for("the clean-up", lambda: written.exists() and written.read_text())
    assert written.read_text() in LOOPS


def test_an_agent_with_several_loops_stops_without_a_trace(crew: AgentProcess, url: str) -> None:
    del url
    assert crew.stop() == 0
    assert "Traceback" not in crew.errors()
