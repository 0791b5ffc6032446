"""Skills for agents outside the mesh: the protocol inside one process, and applications that speak
it beside the real registry."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from agent_process import Agents, wait_for
from fake_mesh import FakeRegistry
from fastapi import FastAPI
from plain_http import HTTP
from real_mesh import address, real_mesh

import mesh
from mesh.serving.applications import ApplicationError, follower_of
from mesh.serving.gateway_settings import a2a_settings
from mesh.surfaces import task, tasks

HELLO = {"role": "user", "parts": [{"type": "text", "text": "hello"}]}


class Client:
    """Speaks to one skill of an application, in this process."""

    def __init__(self, app: FastAPI, path: str = "/agents/date") -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://shop.test:81"
        )
        self.path = path

    async def call(
        self, method: str, /, headers: dict[str, str] | None = None, **params: Any
    ) -> dict[str, Any]:
        """The answer, without what all answers have."""
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer = await self.http.post(self.path, json=body, headers=headers)
        fields: dict[str, Any] = answer.json()
        assert (fields.pop("jsonrpc"), fields.pop("id")) == ("2.0", 7)
        return fields

    async def events(self, method: str, **params: Any) -> list[dict[str, Any]]:
        """The results of a stream."""
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        answer = await self.http.post(self.path, json=body)
        assert answer.headers["content-type"].startswith("text/event-stream")
        frames = [json.loads(frame[6:]) for frame in answer.text.split("\n\n") if frame]
        assert all(frame["id"] == 7 for frame in frames)
        return [frame["result"] for frame in frames]


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI(title="Date Agent", version="9")

    @mesh.a2a.mount(app, path="/agents/date", dependencies=["echo"], tags=["t1"])
    async def date(message: dict[str, Any], echo: mesh.McpMeshTool | None = None) -> Any:
        text = message["parts"][0]["text"] if message else ""
        if text == "boom":
            raise ValueError("no such date")
        if text == "wait":
            await asyncio.sleep(60)
        return text if text else {"echo": echo}

    return app


def state(answer: dict[str, Any]) -> str:
    return str(answer["result"]["status"]["state"])


async def test_a_task_is_worked_on_and_remembered(app: FastAPI) -> None:
    client = Client(app)
    answer = await client.call("tasks/send", id="t1", sessionId="s1", message=HELLO)
    timestamp = answer["result"]["status"].pop("timestamp")
    assert timestamp.endswith("Z")
    assert answer["result"] == {
        "id": "t1",
        "sessionId": "s1",
        "status": {"state": "completed"},
        "artifacts": [{"name": "result", "parts": [{"type": "text", "text": "hello"}], "index": 0}],
        "history": [HELLO],
    }
    again = await client.call("tasks/get", id="t1")
    assert again["result"]["artifacts"] == answer["result"]["artifacts"]
    unknown = await client.call("tasks/get", id="t2")
    assert unknown == {"error": {"code": -32602, "message": "Unknown task id: t2"}}
    # Another skill of the same application knows nothing of it; what is not a text is JSON.
    empty = await client.call("tasks/send")
    assert empty["result"]["artifacts"][0]["parts"][0]["text"] == '{"echo":null}'
    assert empty["result"]["history"] == []
    assert empty["result"]["sessionId"] == empty["result"]["id"]


async def test_a_task_that_fails_says_why(app: FastAPI) -> None:
    boom = {"parts": [{"text": "boom"}]}
    client = Client(app)
    answer = await client.call("tasks/send", id="t1", message=boom)
    status = answer["result"]["status"]
    assert status["state"] == "failed"
    assert status["message"] == {
        "role": "agent",
        "parts": [{"type": "text", "text": "no such date"}],
    }
    (final,) = await client.events("tasks/resubscribe", id="t1")
    assert (final["status"]["state"], final["final"]) == ("failed", True)


async def test_a_stream_ends_with_the_result_and_the_state(app: FastAPI) -> None:
    client = Client(app)
    artifact, final = await client.events("tasks/sendSubscribe", id="t1", message=HELLO)
    assert artifact == {
        "id": "t1",
        "artifact": {"name": "result", "parts": [{"type": "text", "text": "hello"}], "index": 0},
    }
    final["status"].pop("timestamp")
    assert final == {"id": "t1", "status": {"state": "completed"}, "final": True}
    assert (await client.events("tasks/resubscribe", id="t1"))[0] == artifact


async def test_a_task_under_way_can_be_asked_about_and_canceled(app: FastAPI) -> None:
    client = Client(app)
    wait = {"parts": [{"text": "wait"}]}
    sending = asyncio.create_task(client.call("tasks/send", id="t1", message=wait))
    while "result" not in (seen := await client.call("tasks/get", id="t1")):
        await asyncio.sleep(0.005)
    assert state(seen) == "working"
    refused = await client.call("tasks/send", id="t1", message=HELLO)
    assert refused["error"]["code"] == -32602
    following = asyncio.create_task(client.events("tasks/resubscribe", id="t1"))
    await asyncio.sleep(0.01)
    assert state(await client.call("tasks/cancel", id="t1")) == "canceled"
    assert state(await sending) == "canceled"
    (final,) = await following
    assert (final["status"]["state"], final["final"]) == ("canceled", True)
    # Over is over, and its id may be used again.
    assert state(await client.call("tasks/cancel", id="t1")) == "canceled"
    assert state(await client.call("tasks/send", id="t1", message=HELLO)) == "completed"


async def test_followers_of_a_slow_task_hear_that_it_lives(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "SILENCE", 0.01)
    slow = task.Task("t1", "t1", {})

    async def handler(_message: Any) -> str:
        await asyncio.sleep(0.05)
        return "x"

    slow.start(handler)
    events = [event async for event in slow.follow()]
    assert events.count(None) >= 2
    assert events[-1] is not None
    assert events[-1]["final"]


async def test_tasks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_message: Any) -> None: ...

    async def add(remembered: tasks.Tasks, name: str) -> None:
        each = task.Task(name, name, {})
        await each.start(work)
        remembered.add(each)

    few = tasks.Tasks()
    monkeypatch.setattr(tasks, "MOST", 2)
    for name in ("a", "b", "c"):
        await add(few, name)
    assert [few.get(name) is not None for name in ("a", "b", "c")] == [False, True, True]
    monkeypatch.setattr(tasks, "REMEMBERED", -1)
    assert few.get("c") is None
    await add(few, "d")
    assert len(few) == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{nope", 400, -32700),
        ("[]", 400, -32600),
        ('{"method": "tasks/nope"}', 200, -32601),
        ('{"method": "tasks/get"}', 200, -32602),
        ('{"method": "tasks/send", "params": [1]}', 200, -32602),
        ('{"method": "tasks/send", "params": {"message": "x"}}', 200, -32602),
    ],
)
async def test_wrong_requests_are_told_so(app: FastAPI, body: str, status: int, code: int) -> None:
    answer = await Client(app).http.post("/agents/date", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["id"] is None


@pytest.mark.parametrize("header", [None, "Bearer ", "Basic abc"])
async def test_a_bearer_token_has_to_be_there(header: str | None) -> None:
    app = FastAPI()

    @mesh.a2a.mount(app, path="/secret", auth="bearer")
    def secret(message: dict[str, Any]) -> str:
        return "told"

    client = Client(app, "/secret")
    headers = {} if header is None else {"authorization": header}
    answer = await client.http.post("/secret", content="{}", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == -32001
    told = await client.call("tasks/send", headers={"authorization": "Bearer x"})
    assert told["result"]["artifacts"][0]["parts"][0]["text"] == "told"
    card = (await client.http.get("/secret/.well-known/agent.json")).json()
    assert card["authentication"] == {"schemes": ["bearer"]}


async def test_the_card_describes_the_skill(app: FastAPI) -> None:
    card = await Client(app).http.get("/agents/date/.well-known/agent.json")
    assert card.json() == {
        "name": "date-agent",
        "description": "date-agent",
        "version": "1.0.0",
        "capabilities": {
            "streaming": True,
            "pushNotifications": False,
            "stateTransitionHistory": False,
        },
        "defaultInputModes": ["application/json"],
        "defaultOutputModes": ["application/json"],
        "skills": [
            {
                "id": "date",
                "name": "Date",
                "description": "Date",
                "tags": ["t1"],
                "inputModes": ["application/json"],
                "outputModes": ["application/json"],
            }
        ],
        "url": "http://shop.test:81/agents/date",
        "authentication": {"schemes": []},
    }


async def test_skills_are_found_by_an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    @mesh.a2a(path="/agents/plain-words", description="Says words")
    async def words(message: dict[str, Any]) -> str:
        return "words"

    app = FastAPI()
    monkeypatch.setenv("MCP_MESH_PUBLIC_URL_PREFIX", "https://agents.example/")
    follower = follower_of(app)
    assert follower is not None
    client = Client(app, "/agents/plain-words")
    assert state(await client.call("tasks/send")) == "completed"
    card = (await client.http.get("/agents/plain-words/.well-known/agent.json")).json()
    assert card["skills"][0]["name"] == "Plain Words"
    assert card["url"] == "https://agents.example/agents/plain-words"
    follower_of(app)
    paths = [route.path for route in app.routes if "plain" in getattr(route, "path", "")]
    assert len(paths) == 2

    monkeypatch.setenv("MCP_MESH_PUBLIC_URL_PREFIX", "agents.example")
    with pytest.raises(ApplicationError, match="MCP_MESH_PUBLIC_URL_PREFIX"):
        follower_of(app)


def test_routes_and_skills_do_not_mix(app: FastAPI) -> None:
    @app.get("/x")
    @mesh.route(dependencies=["a"])
    async def x(a: mesh.McpMeshTool = None) -> None: ...

    with pytest.raises(ApplicationError, match=r"test_a2a\.py:\d+ cannot be in one application"):
        follower_of(app)


@pytest.mark.parametrize(
    ("environment", "title", "prefix"),
    [
        ({}, "Dates", "dates-a2a-"),
        ({}, "a2a-date", "a2a-date-"),
        ({"MCP_MESH_A2A_NAME": "Foo Bar"}, "Dates", "foo-bar-a2a-"),
        ({"MCP_MESH_AGENT_NAME": "foo"}, "", "foo-a2a-"),
    ],
)
def test_an_application_with_skills_is_named(
    environment: dict[str, str], title: str, prefix: str
) -> None:
    assert a2a_settings(environment, title).agent_id[:-8] == prefix


def test_wrong_arguments_are_refused() -> None:
    app = FastAPI()
    for arguments, message in (
        ({"path": "agents"}, "path must be a path such as"),
        ({"path": "/"}, "path must be a path such as"),
        ({"path": "/a", "auth": "basic"}, "auth must be None or 'bearer'"),
        ({"path": "/a", "tags": "x"}, "tags must be a list"),
    ):
        with pytest.raises(ValueError, match=message):
            mesh.a2a.mount(app, **arguments)
    with pytest.raises(ValueError, match="app must be a FastAPI application"):
        mesh.a2a.mount(object(), path="/a")
    with pytest.raises(ValueError, match=r"test_a2a\.py:\d+: `none` must take one argument"):

        @mesh.a2a(path="/a")
        async def none() -> None: ...

    with pytest.raises(ValueError, match="returns its result at once, or a job"):

        @mesh.a2a(path="/a")
        async def pieces(message: dict[str, Any]) -> mesh.Stream[str]:
            yield ""

    @mesh.a2a(path="/a")
    async def first(message: dict[str, Any]) -> None: ...

    with pytest.raises(ValueError, match=r"`first` at /a is declared at .*test_a2a\.py:\d+"):

        @mesh.a2a(path="/a")
        async def second(message: dict[str, Any]) -> None: ...


WORKER = """
    import asyncio
    import mesh

    @mesh.tool("count", task=True)
    async def count(to: int, job: mesh.MeshJob = None) -> dict:
        for number in range(to):
            await job.update_progress(number / to, f"at {number}")
            await asyncio.sleep(0.5)
        return {"counted": to}

    @mesh.agent(name="worker")
    class Worker: ...
"""

COUNTER = """
    import mesh
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI(title="counter")

    @mesh.a2a.mount(app, path="/agents/count", dependencies=[{"capability": "count"}])
    async def count(message: dict, job: mesh.MeshJob = None):
        return await job.submit(to=message["to"])

    @mesh.a2a.mount(app, path="/agents/quick", description="Counts at once", tags=["t1"])
    async def quick(message: dict):
        return message["to"]

    uvicorn.run(app, host="127.0.0.1", port=0, log_level="warning")
"""


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    with real_mesh(tmp_path) as agents:
        yield agents


def ask(url: str, method: str, **params: Any) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    answer = HTTP.post(url, json=body, timeout=30)
    fields: dict[str, Any] = answer.json()
    return fields["result"] if "result" in fields else fields["error"]


def follow(url: str, method: str, **params: Any) -> list[dict[str, Any]]:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    text = HTTP.post(url, json=body, timeout=30).text
    return [json.loads(frame[6:])["result"] for frame in text.split("\n\n") if "data" in frame]


def test_a_job_is_a_task_that_goes_on(agents: Agents) -> None:
    worker = agents.start(WORKER, "worker")
    address(agents, "worker")
    counter = agents.start(COUNTER, "counter")
    url = f"{address(agents, 'counter')}/agents/count"

    sent = ask(url, "tasks/send", id="t1", message={"to": 1})
    assert sent["status"]["state"] == "working"
    done = wait_for(
        "the job",
        lambda: (seen := ask(url, "tasks/get", id="t1"))["status"]["state"] == "completed" and seen,
    )
    assert json.loads(done["artifacts"][0]["parts"][0]["text"]) == {"counted": 1}
    assert done["metadata"] == {"progress": 1.0}

    first, *between, artifact, final = follow(
        url, "tasks/sendSubscribe", id="t2", message={"to": 7}
    )
    assert first["status"]["state"] == "working"
    assert any("at" in json.dumps(each["status"]) for each in between)
    assert json.loads(artifact["artifact"]["parts"][0]["text"]) == {"counted": 7}
    assert (final["status"]["state"], final["final"]) == ("completed", True)

    ask(url, "tasks/send", id="t3", message={"to": 60})
    assert ask(url, "tasks/cancel", id="t3")["status"]["state"] == "canceled"
    assert ask(url, "tasks/get", id="t3")["status"]["state"] == "canceled"
    assert ask(url, "tasks/cancel", id="t1")["status"]["state"] == "completed"
    counter.stop()
    worker.stop()
    assert "Traceback" not in counter.errors()


async def test_the_client_of_this_package_uses_the_skills_of_this_package(agents: Agents) -> None:
    agents.start(WORKER, "worker")
    address(agents, "worker")
    agents.start(COUNTER, "counter")
    url = address(agents, "counter")
    async with mesh.A2AClient(f"{url}/agents/quick", "quick") as quick:
        response = await quick.send({"to": "three"})
        assert (response.state, response.artifact_text) == ("completed", "three")
        failed = await quick.send({})
        assert failed.state == "failed"
    async with mesh.A2AClient(f"{url}/agents/count", "count", poll_interval=0.05) as count:
        response = await count.send({"to": 1})
        assert (response.state, json.loads(response.artifact_text)) == ("completed", {"counted": 1})
        job = await count.submit({"to": 60})
        await job.cancel()
        with pytest.raises(mesh.A2AJobCanceled):
            await job.wait()
        async with await count.subscribe({"to": 2}) as stream:
            events = [event async for event in stream]
        assert (events[-1].state, events[-1].final) == ("completed", True)
        assert json.loads(events[-2].artifact_text or "") == {"counted": 2}


def test_an_application_with_skills_is_registered_as_such(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    agents = Agents(tmp_path, registry.url)
    try:
        counter = agents.start(COUNTER, "counter")
        registration = wait_for("a registration", lambda: registry.registrations)[0]
        port = registration["http_port"]
        assert registration.pop("agent_id").startswith("counter-a2a-")
        assert registration == {
            "name": "counter",
            "agent_type": "a2a",
            "version": "1.0.0",
            "http_host": "127.0.0.1",
            "http_port": port,
            "namespace": "default",
            "status": "healthy",
            "runtime": "python",
            "tools": [
                {
                    "function_name": "count",
                    "capability": "",
                    "version": "1.0.0",
                    "dependencies": [{"capability": "count"}],
                }
            ],
            "surfaces": [
                {
                    "path": "/agents/count",
                    "skill_id": "count",
                    "name": "Count",
                    "input_modes": ["application/json"],
                    "output_modes": ["application/json"],
                },
                {
                    "path": "/agents/quick",
                    "skill_id": "quick",
                    "name": "Quick",
                    "description": "Counts at once",
                    "input_modes": ["application/json"],
                    "output_modes": ["application/json"],
                    "tags": ["t1"],
                },
            ],
            "a2a_producer": True,
            "a2a_consumer": False,
        }
        base = f"http://127.0.0.1:{port}"
        card = HTTP.get(f"{base}/agents/quick/.well-known/agent.json").json()
        assert card["url"] == f"{base}/agents/quick"
        assert HTTP.get(f"{base}/ready").json()["service_type"] == "a2a"
        counter.stop()
        assert registry.log[-1].startswith("DELETE /agents/counter-a2a-")
    finally:
        agents.close()


def test_a_card_names_the_address_that_the_registry_offers(tmp_path: Path) -> None:
    prefix = {"MCP_MESH_PUBLIC_URL_PREFIX": "https://public.example/"}
    with real_mesh(tmp_path, **prefix) as agents:
        agents.start(CARDED, name="offered")
        base = address(agents, "words")
        card = f"{base}/agents/words/.well-known/agent.json"
        url = "https://public.example/agents/words"
        wait_for("the public address", lambda: httpx.get(card).json()["url"] == url)
        # What the application itself is told wins.
        agents.started[-1].stop()
        agents.start(CARDED, name="told", public_url_prefix="https://mine.example")
        base = address(agents, "words")
        card = f"{base}/agents/words/.well-known/agent.json"
        assert httpx.get(card).json()["url"] == "https://mine.example/agents/words"


CARDED = """
    import mesh
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI(title="Words")

    @mesh.a2a.mount(app, path="/agents/words")
    async def words(message: dict) -> str:
        return "words"

    uvicorn.run(app, host="127.0.0.1", port=0, log_level="warning")
"""
