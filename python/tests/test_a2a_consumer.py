"""Agents outside of the mesh as tools in it: what is sent, and what becomes of the answers."""

import asyncio
import json
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from agent_process import Agents, call, free_port, get, wait_for
from fake_mesh import FakeRegistry, Request, Server
from real_mesh import address, real_mesh

import mesh
from mesh.consuming.tasks import event_of

HELLO = {"role": "user", "parts": [{"type": "text", "text": "hello"}]}


def said(text: str) -> dict[str, Any]:
    return {"role": "agent", "parts": [{"type": "text", "text": text}]}


def artifact(*parts: Any) -> dict[str, Any]:
    return {
        "parts": [
            {"type": "text", "text": part} if isinstance(part, str) else {"type": "data", **part}
            for part in parts
        ],
        "index": 0,
    }


class Foreign:
    """An A2A agent that answers each method with the next of its results; the last one stays."""

    def __init__(self, **results: list[dict[str, Any]]) -> None:
        self.results = results
        self.requests: list[tuple[Request, dict[str, Any]]] = []
        self.server = Server(self._answer)
        self.url = f"{self.server.url}/agents/x"

    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        return [(body["method"], body["params"]) for _, body in self.requests]

    def _answer(self, request: Request) -> None:
        body = request.json()
        self.requests.append((request, body))
        results = self.results[body["method"].removeprefix("tasks/")]
        frame = {"jsonrpc": "2.0", "id": body["id"]}
        if body["method"] == "tasks/sendSubscribe":
            frames = [json.dumps({**frame, **self._frame(each)}) for each in results]
            text = "".join(f": comment\n\ndata: {each}\n\n" for each in frames)
            request.answer(200, text, "text/event-stream")
            return
        result = results[0] if len(results) == 1 else results.pop(0)
        request.answer(result.pop("http", 200), json.dumps({**frame, **self._frame(result)}))

    def _frame(self, result: dict[str, Any]) -> dict[str, Any]:
        return result if "error" in result or not result else {"result": result}


@pytest.fixture
def foreign(closing: ExitStack) -> Callable[..., Foreign]:
    def make(**results: Any) -> Foreign:
        agent = Foreign(**results)
        closing.callback(agent.server.close)
        return agent

    return make


@pytest.fixture
async def client_of() -> AsyncIterator[Callable[..., mesh.A2AClient]]:
    """Makes clients, and closes them."""
    async with AsyncExitStack() as clients:

        def make(agent: Foreign, **options: Any) -> mesh.A2AClient:
            client = mesh.A2AClient(
                agent.url, "skill", poll_interval=0.01, poll_interval_max=0.02, **options
            )
            clients.push_async_callback(client.aclose)
            return client

        yield make


WORKING = {"status": {"state": "working"}}
DONE = {"status": {"state": "completed"}, "artifacts": [artifact("done")]}
FAILED = {"status": {"state": "failed", "message": said("it broke")}}
CANCELED = {"status": {"state": "canceled"}}


async def test_a_message_is_sent_as_a_task(
    foreign: Callable[..., Foreign],
    monkeypatch: pytest.MonkeyPatch,
    client_of: Callable[..., mesh.A2AClient],
) -> None:
    monkeypatch.setenv("TOKEN", "sesame")
    agent = foreign(send=[DONE])
    client = client_of(agent, auth=mesh.A2ABearer(token_env="TOKEN"))
    response = await client.send(HELLO, task_id="t1")
    assert response == mesh.A2AResponse("done", "completed", "t1", DONE)
    ((request, body),) = agent.requests
    assert body == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tasks/send",
        "params": {"id": "t1", "message": HELLO},
    }
    assert request.header("authorization") == "Bearer sesame"
    assert request.path == "/agents/x"
    await client.aclose()
    with pytest.raises(RuntimeError, match="is closed"):
        await client.send(HELLO)


async def test_a_task_that_goes_on_is_looked_after(
    foreign: Callable[..., Foreign], client_of: Callable[..., mesh.A2AClient]
) -> None:
    agent = foreign(send=[WORKING], get=[WORKING, {**WORKING}, DONE])
    response = await client_of(agent).send(HELLO)
    assert (response.artifact_text, response.state) == ("done", "completed")
    methods = [method for method, _ in agent.asked()]
    assert methods == ["tasks/send", "tasks/get", "tasks/get", "tasks/get"]
    assert {params["id"] for _, params in agent.asked()} == {response.task_id}


async def test_a_task_has_its_time(
    foreign: Callable[..., Foreign], client_of: Callable[..., mesh.A2AClient]
) -> None:
    client = client_of(foreign(send=[WORKING], get=[WORKING]))
    with pytest.raises(TimeoutError, match="has not ended in time"):
        await client.send(HELLO, timeout=0.1)
    job = await client.submit(HELLO)
    assert job.initial_state == "working"
    with pytest.raises(TimeoutError):
        await job.wait(timeout_secs=0.05)


@pytest.mark.parametrize(
    ("task", "error", "text"),
    [
        (FAILED, "A2AJobFailed", "it broke"),
        (CANCELED, "A2AJobCanceled", "was canceled"),
        ({"status": {"state": "rejected"}}, "A2AJobFailed", "ended as rejected"),
    ],
)
async def test_how_a_task_ended_is_told_or_raised(
    foreign: Callable[..., Foreign],
    task: dict[str, Any],
    error: str,
    text: str,
    client_of: Callable[..., mesh.A2AClient],
) -> None:
    client = client_of(foreign(send=[task]))
    response = await client.send(HELLO)
    assert (response.state, response.artifact_text) == (task["status"]["state"], "")
    job = await client.submit(HELLO)
    for waiting in (job.wait(), job.bridge(None)):
        with pytest.raises(getattr(mesh, error), match=text):
            await waiting
    assert issubclass(getattr(mesh, error), mesh.A2AJobError)
    assert issubclass(mesh.A2AJobError, RuntimeError)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ({"error": {"code": -32602, "message": "bad"}}, mesh.A2AJobError, r"bad \(-32602\)"),
        ({}, mesh.A2AJobError, "what is no A2A"),
        (
            {"http": 401, "error": {"code": -32001, "message": "no token"}},
            httpx.HTTPStatusError,
            r"answered 401: no token",
        ),
        ({"http": 500, "error": "x"}, httpx.HTTPStatusError, "answered 500: Internal"),
    ],
)
async def test_refusals_are_errors(
    foreign: Callable[..., Foreign],
    answer: dict[str, Any],
    error: type[Exception],
    text: str,
    client_of: Callable[..., mesh.A2AClient],
) -> None:
    with pytest.raises(error, match=text):
        await client_of(foreign(send=[answer])).send(HELLO)


async def test_who_does_not_answer_is_an_error_of_httpx() -> None:
    async with mesh.A2AClient("http://127.0.0.1:1/x", "s") as client:
        with pytest.raises(httpx.ConnectError):
            await client.send(HELLO)


class Progress:
    """A job of the mesh, as far as bridges use it."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def update_progress(self, progress: float, message: str | None = None) -> None:
        self.seen.append((progress, message))


async def test_a_bridge_passes_progress_on(
    foreign: Callable[..., Foreign], client_of: Callable[..., mesh.A2AClient]
) -> None:
    half = {"status": {"state": "working", "message": said("half")}, "metadata": {"progress": 0.5}}
    note = {"status": {"state": "working", "message": said("nearly")}}
    result = {"status": {"state": "completed"}, "artifacts": [artifact('{"a": ', "1}")]}
    agent = foreign(send=[WORKING], get=[half, {**half}, note, result])
    job, progress = await client_of(agent).submit(HELLO), Progress()
    assert await job.bridge(progress) == {"a": 1}  # type: ignore[arg-type]
    assert progress.seen == [(0.5, "half"), (0.5, "nearly")]


async def test_a_bridge_that_is_cancelled_cancels_the_task(
    foreign: Callable[..., Foreign], client_of: Callable[..., mesh.A2AClient]
) -> None:
    agent = foreign(send=[WORKING], get=[WORKING], cancel=[CANCELED])
    job = await client_of(agent).submit(HELLO)
    bridge = asyncio.create_task(job.bridge(None))
    while "tasks/get" not in [method for method, _ in agent.asked()]:
        await asyncio.sleep(0.005)
    bridge.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bridge
    method, params = agent.asked()[-1]
    assert (method, params["id"]) == ("tasks/cancel", job.task_id)


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        (["plain"], "plain"),
        (["42"], "42"),
        (["[1]"], [1]),
        (["{not json"], "{not json"),
        ([{"data": {"a": 1}}], {"a": 1}),
        ([], ""),
    ],
)
async def test_artifacts_become_values(
    foreign: Callable[..., Foreign],
    parts: list[Any],
    value: Any,
    client_of: Callable[..., mesh.A2AClient],
) -> None:
    done = {"status": {"state": "completed"}, "artifacts": [artifact(*parts)]}
    job = await client_of(foreign(send=[done])).submit(HELLO)
    assert await job.bridge(None) == value


EVENTS = [
    {"status": {"state": "working", "message": said("half")}, "metadata": {"progress": 0.5}},
    {"artifact": artifact("ar")},
    {"artifact": artifact("t")},
    {"status": {"state": "completed"}, "final": True},
]


async def test_a_stream_tells_what_happens(
    foreign: Callable[..., Foreign], client_of: Callable[..., mesh.A2AClient]
) -> None:
    agent = foreign(sendSubscribe=EVENTS)
    events = [event async for event in await client_of(agent).subscribe(HELLO, task_id="t")]
    assert [
        (each.kind, each.state, each.progress, each.message, each.artifact_text, each.final)
        for each in events
    ] == [
        ("status", "working", 0.5, "half", None, False),
        ("artifact", None, None, None, "ar", False),
        ("artifact", None, None, None, "t", False),
        ("status", "completed", None, None, None, True),
    ]
    assert events[-1].raw["result"] == EVENTS[-1]
    assert agent.asked() == [("tasks/sendSubscribe", {"id": "t", "message": HELLO})]
    assert agent.requests[0][0].header("accept") == "text/event-stream"
    stream, progress = await client_of(agent).subscribe(HELLO), Progress()
    assert await stream.bridge(progress) == "art"  # type: ignore[arg-type]
    assert progress.seen == [(0.5, "half")]


@pytest.mark.parametrize(
    ("events", "error", "text"),
    [
        ([{**FAILED, "final": True}], "A2AJobFailed", "it broke"),
        ([{**CANCELED, "final": True}], "A2AJobCanceled", "canceled"),
        ([WORKING], "A2AJobFailed", "ended before the task did"),
        ([{"error": {"code": -32602, "message": "who"}}], "A2AJobError", "who"),
    ],
)
async def test_how_a_stream_ends_badly(
    foreign: Callable[..., Foreign],
    events: list[Any],
    error: str,
    text: str,
    client_of: Callable[..., mesh.A2AClient],
) -> None:
    stream = await client_of(foreign(sendSubscribe=events)).subscribe(HELLO)
    with pytest.raises(getattr(mesh, error), match=text):
        await stream.bridge(None)


def test_odd_events_are_events() -> None:
    for odd in ({}, {"result": None}, {"result": {"status": "x", "metadata": {"progress": True}}}):
        assert event_of(odd) == mesh.A2AEvent("status", raw=odd)


def test_a_bearer_is_one_thing_and_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({}, {"token": "a", "token_env": "B"}):
        with pytest.raises(ValueError, match="one of token and token_env"):
            mesh.A2ABearer(**wrong)
    assert "sesame" not in repr(mesh.A2ABearer(token="sesame"))
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(RuntimeError, match="the environment has no TOKEN"):
        mesh.A2ABearer("TOKEN").header()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capability": ""}, "capability must be a non-empty string"),
        ({"a2a_url": ""}, "a2a_url must be a URL"),
        ({"a2a_url": "agent.example"}, "a2a_url must be a URL"),
        ({"auth": "secret"}, "auth must be an A2ABearer, got 'str'"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0"),
        ({"poll_interval": "1"}, "poll_interval must be a number"),
        ({"tags": "x"}, "tags must be a list of strings"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    right = {"capability": "a", "a2a_url": "http://a.example"}
    with pytest.raises(ValueError, match=message):
        mesh.a2a_consumer(**{**right, **arguments})


def test_a_def_function_cannot_await_the_client() -> None:
    with pytest.raises(ValueError, match="write `async def`"):

        @mesh.a2a_consumer(capability="a", a2a_url="http://a.example")
        def ask(_a2a: mesh.A2AClient) -> None: ...


async def test_the_client_is_injected_wherever_it_stands(foreign: Callable[..., Foreign]) -> None:
    agent = foreign(send=[DONE])

    @mesh.a2a_consumer(capability="ask", a2a_url=agent.url, dependencies=["store"])
    async def ask(_a2a: mesh.A2AClient, text: str, store: mesh.McpMeshTool = None) -> str:
        response = await _a2a.send({"role": "user", "parts": [{"type": "text", "text": text}]})
        return f"{response.artifact_text} {_a2a.skill_id} {await store() if store else None}"

    async with mesh.testing.mesh() as m:
        assert await m.call(ask, text="hi") == "done ask None"
        assert await ask("hi") == "done ask None"
        m.provide("store", 7)
        assert await m.call(ask, text="hi") == "done ask 7"


PRODUCER = """
    import asyncio, sys
    import uvicorn
    from fastapi import FastAPI
    import mesh

    app = FastAPI(title="outside")

    @mesh.a2a.mount(app, path="/agents/upper", auth="bearer")
    async def upper(message: dict) -> dict:
        text = message["parts"][0]["text"]
        if text == "break":
            raise ValueError("it broke")
        return {"upper": text.upper()}

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""
CONSUMER = """
    import mesh

    @mesh.a2a_consumer(
        capability="upper",
        a2a_url="URL/agents/upper",
        tags=["foreign"],
        auth=mesh.A2ABearer(token_env="TOKEN"),
    )
    async def shout(text: str, way: str = "send", _a2a: mesh.A2AClient = None) -> dict:
        message = {"role": "user", "parts": [{"type": "text", "text": text}]}
        if way == "send":
            response = await _a2a.send(message)
            return {"state": response.state, "text": response.artifact_text}
        if way == "submit":
            return await (await _a2a.submit(message)).bridge(None)
        return await (await _a2a.subscribe(message)).bridge(None)

    mesh.agent(name="bridge")(type("A", (), {}))
"""


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agents]:
    monkeypatch.setenv("TOKEN", "sesame")
    with real_mesh(tmp_path) as agents:
        yield agents


def test_our_consumer_and_our_producer_understand_each_other(agents: Agents) -> None:
    port = free_port()
    (agents.folder / "outside.py").write_text(textwrap.dedent(PRODUCER))
    agents.start(PRODUCER, "outside", [str(agents.folder / "outside.py"), str(port)])
    consumer = agents.start(CONSUMER.replace("URL", f"http://127.0.0.1:{port}"), "bridge")
    base = address(agents, "bridge")
    # Nobody who listens is one failure with two tracebacks.
    wait_for("the producer to listen", lambda: get(f"http://127.0.0.1:{port}/livez")[0] == 200)

    def answered() -> dict[str, Any] | None:
        result = call(base, "shout", text="hi")
        return None if result["isError"] else result

    result = wait_for("the producer", answered)
    assert result is not None
    assert result["structuredContent"] == {"state": "completed", "text": '{"upper":"HI"}'}
    for way in ("submit", "subscribe"):
        assert call(base, "shout", text="hi", way=way)["structuredContent"] == {"upper": "HI"}
        broken = call(base, "shout", text="break", way=way)
        assert broken["isError"] is True
        assert "it broke" in broken["content"][0]["text"]
    assert call(base, "shout", text="break")["structuredContent"]["state"] == "failed"
    assert consumer.stop() == 0
    assert consumer.errors().count("Traceback") == consumer.errors().count("Error calling tool")


def test_the_registry_is_told(tmp_path: Path, registry: FakeRegistry) -> None:
    agents = Agents(tmp_path, registry.url)
    try:
        agents.start(CONSUMER.replace("URL", "http://a.example"))
        wait_for("the registration", lambda: registry.registrations)
    finally:
        agents.close()
    registration = registry.registrations[0]
    assert (registration["a2a_consumer"], registration["a2a_producer"]) == (True, False)
    tool = next(each for each in registration["tools"] if each["function_name"] == "shout")
    assert (tool["capability"], tool["tags"]) == ("upper", ["foreign", "bridge"])
    assert list(tool["inputSchema"]["properties"]) == ["text", "way"]
