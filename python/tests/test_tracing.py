"""Traces and headers: what comes in, what a program sees of it, and what travels on."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from fake_mesh import FakeProvider, FakeRegistry, Request, events, provider, result
from fastmcp import Client, FastMCP

import mesh
from mesh.calling.headers import NOTHING, HeaderRules, inbound
from mesh.declaring.catalogue import catalogue
from mesh.serving.requests import Requests
from mesh.serving.servers import adopt
from mesh.tracing.trace import TraceInfo

Join = Callable[..., Awaitable[Any]]

TRACE = "0123456789abcdef" * 2
SPAN = "fedcba9876543210"


@pytest.fixture
def remote(closing: ExitStack) -> FakeProvider:
    """A provider that answers `ok`."""

    def answer(request: Request) -> None:
        content = [{"type": "text", "text": "ok"}]
        request.answer(200, events(result(request, content=content)), "text/event-stream")

    server = FakeProvider(answer)
    closing.callback(server.server.close)
    return server


@pytest.fixture(autouse=True)
def nothing_inbound() -> None:
    """Each test is a request of its own."""
    inbound.set(NOTHING)


def arrived(*patterns: str, **headers: str) -> None:
    """Makes this code part of a request with such headers."""
    names = ((name.replace("_", "-"), value) for name, value in headers.items())
    inbound.set(HeaderRules(patterns).capture(names))


async def test_a_trace_that_came_in_goes_out_and_nothing_else_does(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "remote")]}

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(remote: mesh.McpMeshTool = None) -> Any:
        return await remote(a=1)

    await join()
    await ask()
    arrived(X_Trace_ID=TRACE, X_Parent_Span=SPAN)
    await ask()
    arrived(X_Trace_ID=TRACE)
    await ask()
    sent = [(each.header("x-trace-id"), each.header("x-parent-span")) for each in remote.requests]
    assert sent == [(None, None), (TRACE, SPAN), (TRACE, None)]
    assert all(each.json()["params"]["arguments"] == {"a": 1} for each in remote.requests)


async def test_a_tool_of_the_same_agent_is_in_the_same_trace(
    registry: FakeRegistry, join: Join
) -> None:
    own = provider("http://127.0.0.1:1", "inner", agent_id="tester-1")
    registry.wiring = {"outer": [own], "outer_sync": [own]}

    @mesh.tool("inner")
    async def inner() -> list[Any]:
        current = mesh.TraceContext.get_current()
        assert current is not None
        return [current.trace_id, current.span_id, mesh.TraceContext.get_propagated_headers()]

    @mesh.tool("outer", dependencies=["inner"])
    async def outer(inner: mesh.McpMeshTool = None) -> list[Any]:
        return await inner()

    @mesh.tool("outer_sync", dependencies=["inner"])
    def outer_sync(inner: mesh.McpMeshTool = None) -> list[Any]:
        return inner()

    await join(headers=("x-tenant",))
    arrived("x-tenant", X_Trace_ID=TRACE, X_Parent_Span=SPAN, X_Tenant="blue", X_Other="no")
    assert await outer() == [TRACE, SPAN, {"x-tenant": "blue"}]
    assert await asyncio.to_thread(outer_sync) == [TRACE, SPAN, {"x-tenant": "blue"}]


async def test_headers_win_over_their_copies_between_the_arguments() -> None:
    app: FastMCP[Any] = FastMCP("main")

    @app.tool()
    @mesh.tool("one")
    async def one() -> dict[str, Any]:
        current = mesh.TraceContext.get_current()
        return {
            "trace": current and current.trace_id,
            "headers": mesh.TraceContext.get_propagated_headers(),
        }

    await adopt("agent", catalogue, {"app": app}, HeaderRules(("x-tenant", "x-a")))
    copies = {
        "_trace_id": "f" * 32,
        "_parent_span": SPAN,
        "_mesh_headers": {"x-tenant": "copy", "x-a": "1"},
    }

    async def ask() -> Any:
        async with Client(app) as client:
            return (await client.call_tool("one", copies)).structured_content

    copied = {"x-tenant": "copy", "x-a": "1"}
    assert await ask() == {"trace": "f" * 32, "headers": copied}
    arrived("x-tenant", X_Trace_ID=TRACE, X_Tenant="real")
    assert await ask() == {"trace": TRACE, "headers": {**copied, "x-tenant": "real"}}


@pytest.mark.parametrize("odd", ["", "a b", "x" * 200, "ä", "a\nb"])
def test_what_cannot_be_an_id_is_none(odd: str) -> None:
    arrived(X_Trace_ID=odd)
    assert mesh.TraceContext.get_current() is None
    arrived(X_Trace_ID=TRACE, X_Parent_Span=odd)
    assert mesh.TraceContext.get_current() == TraceInfo(TRACE, "")


async def answer_headers(**headers: str) -> dict[str, str]:
    """The headers of the answer to a request with such headers."""

    async def mcp(_scope: Any, _receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"1")]}
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any: ...

    encoded = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope: Any = {"type": "http", "path": "/mcp", "headers": encoded}
    await Requests(HeaderRules(())).serve(mcp, scope, receive, send)
    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    return {name.decode(): text.decode() for name, text in sent[0]["headers"]}


async def test_an_answer_names_the_trace_of_its_request() -> None:
    assert await answer_headers() == {"a": "1"}
    assert await answer_headers(x_trace_id=TRACE) == {"a": "1", "x-trace-id": TRACE}
    assert await answer_headers(x_trace_id=TRACE, x_parent_span=SPAN) == {
        "a": "1",
        "x-trace-id": TRACE,
        "x-span-id": SPAN,
    }


async def test_a_program_can_enter_a_trace_and_replace_what_travels_on(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "remote")]}
    context = mesh.TraceContext

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(remote: mesh.McpMeshTool = None) -> None:
        root = context.generate_new()
        assert context.get_current() is None
        context.set_current(root.trace_id, root.span_id)
        context.set_propagated_headers({"X-Tenant": "red", "x-secret": "s"})
        assert context.get_propagated_headers() == {"x-tenant": "red"}
        await remote()
        context.set_from_headers(TRACE, SPAN)
        context.clear_propagated_headers()
        await remote()
        context.clear_current()
        await remote()

    await join(headers=("x-tenant",))
    await ask()
    first, second, third = remote.requests
    assert len(first.header("x-trace-id") or "") == 32
    assert len(first.header("x-parent-span") or "") == 16
    assert first.header("x-tenant") == "red"
    assert first.header("x-secret") is None
    assert second.header("x-trace-id") == TRACE
    assert second.header("x-parent-span") not in (None, SPAN)
    assert second.header("x-tenant") is None
    assert third.header("x-trace-id") is None


def test_dispatch_headers_are_seen_and_never_sent() -> None:
    arrived("x-*", X_Mesh_Job_ID="j-1", X_Mesh_Claim_Epoch="2", X_Mesh_Recv_Cursor='{"a":3}')
    context = mesh.TraceContext
    assert context.get_dispatch_headers() == {
        "x-mesh-job-id": "j-1",
        "x-mesh-claim-epoch": "2",
        "x-mesh-recv-cursor": '{"a":3}',
    }
    assert HeaderRules(("x-*",)).outbound(None) == []
    context.set_dispatch_headers({"X-Mesh-Job-Id": "j-2"})
    assert context.get_dispatch_headers() == {"x-mesh-job-id": "j-2"}
    context.clear_dispatch_headers()
    assert context.get_dispatch_headers() == {}


def test_from_headers_is_a_new_span_below_the_parent() -> None:
    span = mesh.TraceContext.from_headers(TRACE, SPAN)
    assert (span.trace_id, span.parent_span) == (TRACE, SPAN)
    assert len(span.span_id) == 16
    assert mesh.TraceContext.from_headers(TRACE).parent_span is None


def test_the_former_home_of_trace_context_still_has_it() -> None:
    from _mcp_mesh.tracing.context import TraceContext

    assert TraceContext is mesh.TraceContext
