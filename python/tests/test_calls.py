"""What an injected proxy sends, and what becomes of the answer."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from fake_mesh import FakeProvider, FakeRegistry, Request, events, provider, result

import mesh
from mesh.calling.headers import Inbound, inbound

Join = Callable[..., Awaitable[Any]]


@pytest.fixture
def caller(
    registry: FakeRegistry, closing: ExitStack, join: Join
) -> Callable[..., Awaitable[tuple[Callable[..., Any], FakeProvider]]]:
    """A tool `ask` that is wired to a provider which answers as the test says."""

    async def make(
        answer: Callable[[Request], None], **options: Any
    ) -> tuple[Callable[..., Any], FakeProvider]:
        server = FakeProvider(answer)
        closing.callback(server.server.close)
        registry.wiring = {"ask": [provider(server.url, "remote")]}

        @mesh.tool("ask", dependencies=["remote"])
        async def ask(dep: mesh.McpMeshTool = None, *args: Any, **kwargs: Any) -> Any:
            return await dep(*args, **kwargs)

        await join(**options)
        return ask, server

    return make


def text(request: Request, content: str, **fields: Any) -> None:
    block = {"type": "text", "text": content}
    request.answer(200, events(result(request, content=[block], **fields)), "text/event-stream")


async def test_defect_18_the_request_is_mcp_and_nothing_else(caller: Any) -> None:
    ask, server = await caller(lambda request: text(request, "hi"), timeout=300)
    assert await ask(a=1, b="é", c={"k": [1, 2.5, None, True]}) == "hi"
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/mcp")
    assert request.header("accept") == "application/json, text/event-stream"
    assert request.header("x-mesh-timeout") == "300"
    message = request.json()
    assert message.pop("id") is not None
    assert message == {
        "jsonrpc": "2.0",
        "method": "tools/call",
        "params": {
            "name": "remote",
            "arguments": {"a": 1, "b": "é", "c": {"k": [1, 2.5, None, True]}},
        },
    }
    assert "é".encode() in request.body


async def test_defect_2_notifications_before_the_answer_are_skipped(caller: Any) -> None:
    def answer(request: Request) -> None:
        note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "x"}}
        body = ": a comment\r\n\r\n" + events(
            json.dumps(note), result(request, content=[], structuredContent={"n": 1})
        )
        request.answer(200, body, "text/event-stream")

    ask, _ = await caller(answer)
    assert await ask() == {"n": 1}


@pytest.mark.parametrize("value", ["42", "null", "[1]", "true", '{"a": 1}'])
async def test_defect_3_texts_that_look_like_json_stay_texts(caller: Any, value: str) -> None:
    ask, _ = await caller(
        lambda request: text(
            request,
            value,
            structuredContent={"result": value},
            _meta={"fastmcp": {"wrap_result": True}},
        )
    )
    assert await ask() == value


@pytest.mark.parametrize(
    ("arguments", "keywords", "sent"),
    [
        (({"k": 1},), {}, {"k": 1}),
        (({"k": 1},), {"m": 2}, {"k": 1, "m": 2}),
        ((), {"k": 1}, {"k": 1}),
        ((None,), {}, {}),
        ((), {}, {}),
    ],
)
async def test_defect_4_arguments_may_be_one_dictionary(
    caller: Any,
    registry: FakeRegistry,
    closing: ExitStack,
    join: Join,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    server = FakeProvider(lambda request: text(request, "ok"))
    closing.callback(server.server.close)
    registry.wiring = {"ask": [provider(server.url, "remote")]}

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return await dep(*arguments, **keywords)

    await join()
    assert await ask() == "ok"
    assert server.requests[0].json()["params"]["arguments"] == sent


async def test_defect_5_a_sync_tool_gets_results_and_not_coroutines(
    registry: FakeRegistry, closing: ExitStack, join: Join
) -> None:
    server = FakeProvider(lambda request: text(request, "remote says hi"))
    closing.callback(server.server.close)
    registry.wiring = {"ask": [provider(server.url, "remote")]}

    @mesh.tool("ask", dependencies=["remote"])
    def ask(name: str, dep: mesh.McpMeshTool = None) -> str:
        return dep(name=name).upper() + dep.call_tool("other", {"x": 1})

    await join()
    assert await asyncio.to_thread(ask, "x") == "REMOTE SAYS HIremote says hi"
    assert [request.json()["params"]["name"] for request in server.requests] == ["remote", "other"]


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"content": []}, None),
        ({"content": [{"type": "text", "text": "plain"}]}, "plain"),
        ({"content": [{"type": "text", "text": '{"a": 1}'}]}, {"a": 1}),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                "type": "multi_content",
            },
        ),
        (
            {"content": [{"type": "image", "data": "AA==", "mimeType": "image/png"}]},
            {"type": "image", "data": "AA==", "mimeType": "image/png"},
        ),
        ({"content": [{"type": "text", "text": "x"}], "structuredContent": {"a": 1}}, {"a": 1}),
        (
            {"content": [{"type": "resource_link", "uri": "a://b", "name": "n"}]},
            {"type": "resource_link", "uri": "a://b", "name": "n"},
        ),
        (
            {
                "content": [],
                "structuredContent": {"result": [1]},
                "_meta": {"fastmcp": {"wrap_result": True}},
            },
            [1],
        ),
        ({"content": [{"type": "text", "text": ""}]}, ""),
    ],
)
async def test_what_an_answer_is_in_python(caller: Any, fields: Any, value: Any) -> None:
    ask, _ = await caller(lambda request: request.answer(200, result(request, **fields)))
    assert await ask() == value


def rpc_error(request: Request) -> None:
    error = {"code": -32602, "message": "Unknown tool"}
    request.answer(200, json.dumps({"jsonrpc": "2.0", "id": request.json()["id"], "error": error}))


EVENTS = "text/event-stream"


def of(request: Request, answer: Any) -> str:
    """A JSON-RPC answer with this result."""
    return json.dumps({"jsonrpc": "2.0", "id": request.json()["id"], "result": answer})


def cut_off(request: Request) -> None:
    """The agent dies in the middle of its answer."""
    request.handler.send_response(200)
    request.handler.send_header("content-type", "application/json")
    request.handler.send_header("content-length", "1000")
    request.handler.end_headers()
    request.handler.wfile.write(b'{"jsonrpc": "2.0"')
    request.handler.wfile.flush()
    hang_up(request)


def hang_up(request: Request) -> None:
    """The agent dies before it answers."""
    request.handler.connection.close()
    request.handler.close_connection = True


def huge(request: Request) -> None:
    """An answer that has no end."""
    request.handler.send_response(200)
    request.handler.send_header("content-type", "application/json")
    request.handler.end_headers()
    request.handler.close_connection = True
    with contextlib.suppress(OSError):
        while True:
            request.handler.wfile.write(b"[" * (1 << 20))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda request: text(request, "it broke", isError=True), "^it broke$"),
        (rpc_error, "Unknown tool"),
        (lambda request: request.answer(404, "gone"), "answered 404: gone"),
        (lambda request: request.answer(302, "", location="http://127.0.0.1:1/"), "answered 302"),
        (lambda request: request.answer(500, "oops"), "answered 500: oops"),
        (lambda request: request.answer(200), "not understood"),
        (lambda request: request.answer(200, "<p>Hi</p>", "text/html"), "not understood"),
        (lambda request: request.answer(200, '{"jsonrpc": "2.0", "id"'), "not understood"),
        (lambda request: request.answer(200, "[1, 2]"), "not understood"),
        (lambda request: request.answer(200, "null"), "not understood"),
        (lambda request: request.answer(200, of(request, 5)), "not understood"),
        (lambda request: request.answer(200, of(request, {"content": "x"})), "not understood"),
        (lambda request: request.answer(200, events("{}", "x"), EVENTS), "broke before the answer"),
        (lambda request: request.answer(200, "", EVENTS), "not understood"),
        (cut_off, "broke before the answer was complete"),
        (hang_up, "broke before the answer was complete"),
        (huge, "longer than"),
    ],
    ids=[
        "isError",
        "json-rpc",
        "404",
        "redirect",
        "500",
        "empty",
        "html",
        "truncated",
        "a list",
        "null",
        "a number",
        "content of a wrong type",
        "events without an answer",
        "no events",
        "cut off",
        "hung up",
        "huge",
    ],
)
async def test_failures_are_runtime_errors_that_say_why(
    caller: Any, answer: Callable[[Request], None], message: str
) -> None:
    ask, server = await caller(answer)
    with pytest.raises(RuntimeError, match=message):
        await ask()
    assert len(server.requests) == 1, "a call is executed at most once"


async def test_accepted_without_a_body_is_none(caller: Any) -> None:
    ask, _ = await caller(lambda request: request.answer(202))
    assert await ask() is None


async def test_a_call_that_takes_too_long_fails_and_names_its_budget(caller: Any) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(request: Request) -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        text(request, "late")

    ask, _ = await caller(answer, timeout=0.2)
    with pytest.raises(RuntimeError, match="did not answer within 200ms"):
        await ask()
    release.set()
    await asyncio.sleep(0.05)


async def test_cancelling_the_task_cancels_the_call(caller: Any) -> None:
    arrived = asyncio.Event()
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(request: Request) -> None:
        loop.call_soon_threadsafe(arrived.set)
        # Reading ends when the other side closes the connection.
        assert request.handler.rfile.read(1) == b""
        request.handler.close_connection = True
        loop.call_soon_threadsafe(closed.set)

    ask, _ = await caller(answer)
    task = asyncio.create_task(ask())
    await asyncio.wait_for(arrived.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(closed.wait(), 5)


async def test_headers_travel_as_far_as_the_rules_allow(
    caller: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ask, server = await caller(lambda request: text(request, "ok"), headers=("x-tenant", "x-app-*"))
    arrived = {"x-tenant": "blue", "x-mesh-calling-job-id": "j"}
    token = inbound.set(Inbound(arrived, timeout=7))
    try:
        await ask(headers={"X-App-Id": "1", "Authorization": "secret"})
    finally:
        inbound.reset(token)
    (request,) = server.requests
    assert request.header("x-tenant") == "blue"
    assert request.header("x-app-id") == "1"
    assert request.header("x-mesh-calling-job-id") == "j"
    assert request.header("authorization") is None
    assert request.header("x-mesh-timeout") == "7"
    assert "MCP_MESH_PROPAGATE_HEADERS does not allow it" in caplog.text


async def test_models_and_dates_are_written_as_pydantic_writes_them(caller: Any) -> None:
    from datetime import UTC, datetime

    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    ask, server = await caller(lambda request: text(request, "ok"))
    await ask(city=City(name="Oslo"), at=datetime(2026, 1, 2, tzinfo=UTC))
    arguments = server.requests[0].json()["params"]["arguments"]
    assert arguments == {"city": {"name": "Oslo"}, "at": "2026-01-02T00:00:00Z"}


async def test_a_proxy_says_whom_it_stands_for(caller: Any) -> None:
    _, server = await caller(lambda request: text(request, "ok"))

    @mesh.tool("peek", dependencies=["remote"])
    async def peek(dep: mesh.McpMeshTool = None) -> Any:
        return dep

    from mesh.calling.membership import current
    from mesh.calling.proxies import AsyncProxy

    member = current()
    assert member is not None
    target = member.agent.slot("ask", 0)
    assert target is not None
    proxy = AsyncProxy(member, "ask", 0, target)
    assert repr(proxy) == f"<AsyncProxy remote -> provider-1 {server.url}>"
