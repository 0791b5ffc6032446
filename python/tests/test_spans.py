"""The spans of functions and of their calls: fields, parents, durations."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from fake_mesh import FakeProvider, FakeRegistry, Request, provider, result

import mesh
from mesh.calling.headers import NOTHING, HeaderRules, inbound
from mesh.serving.settings import Address
from mesh.tracing.spans import Spans, origin

Join = Callable[..., Awaitable[Any]]
Span = dict[str, str]

TRACE = "0123456789abcdef" * 2
SPAN = "fedcba9876543210"

# What is in every span, as the published package has it.
EVERYWHERE = {
    "agent_endpoint",
    "agent_hostname",
    "agent_id",
    "agent_ip",
    "agent_name",
    "agent_namespace",
    "agent_port",
    "args_count",
    "dependencies",
    "duration_ms",
    "end_time",
    "error",
    "function_name",
    "injected_dependencies",
    "kwargs_count",
    "mesh_positions",
    "parent_span",
    "published_at",
    "result_type",
    "runtime",
    "span_id",
    "start_time",
    "success",
    "trace_id",
}


@pytest.fixture(autouse=True)
def nothing_inbound() -> None:
    """Each test is a request of its own."""
    inbound.set(NOTHING)


@pytest.fixture
def remote(closing: ExitStack) -> FakeProvider:
    """A provider that answers `ok`, or fails when it is called `broken`."""

    def answer(request: Request) -> None:
        is_broken = request.json()["params"]["name"] == "broken"
        content = [{"type": "text", "text": "it broke" if is_broken else "ok"}]
        request.answer(200, result(request, content=content, isError=is_broken))

    server = FakeProvider(answer)
    closing.callback(server.server.close)
    return server


async def traced(join: Join) -> list[Span]:
    """Joins the mesh with tracing on; the spans that end."""
    member = await join()
    spans: list[Span] = []

    def publish(fields: list[tuple[str, str]]) -> None:
        names = [name for name, _ in fields]
        assert len(names) == len(set(names)), "a field is there once"
        assert all(type(value) is str for _, value in fields)
        spans.append(dict(fields))

    agent = ("tester-1", "tester", "default")
    member.spans = Spans(origin(agent, Address("10.0.0.7", 4711), None), publish)
    return spans


def arrived(**headers: str) -> None:
    """Makes this code part of a request with such headers."""
    names = ((name.replace("_", "-"), value) for name, value in headers.items())
    inbound.set(HeaderRules(()).capture(names))


async def test_a_remote_call_has_a_span_below_that_of_the_function(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "remote"), None]}

    @mesh.tool("ask", dependencies=["remote", "other"])
    async def ask(
        name: str, remote: mesh.McpMeshTool = None, other: mesh.McpMeshTool = None
    ) -> dict[str, Any]:
        return {name: await remote(a=1)}

    spans = await traced(join)
    await ask(name="x")
    call, function = spans
    assert set(function) == EVERYWHERE
    assert set(call) == EVERYWHERE | {"request_bytes", "response_bytes"}
    varying = {"trace_id", "span_id", "start_time", "end_time", "published_at", "duration_ms"}
    assert {name: function[name] for name in EVERYWHERE - varying} == {
        "agent_endpoint": "http://10.0.0.7:4711",
        "agent_hostname": "10.0.0.7",
        "agent_id": "tester-1",
        "agent_ip": "10.0.0.7",
        "agent_name": "tester",
        "agent_namespace": "default",
        "agent_port": "4711",
        "args_count": "0",
        "dependencies": '["remote", "other"]',
        "error": "null",
        "function_name": "ask",
        "injected_dependencies": "1",
        "kwargs_count": "3",
        "mesh_positions": "[1, 2]",
        "parent_span": "null",
        "result_type": "dict",
        "runtime": "python",
        "success": "True",
    }
    assert len(function["trace_id"]) == 32
    assert len(function["span_id"]) == 16
    assert call["trace_id"] == function["trace_id"]
    assert call["parent_span"] == function["span_id"]
    assert call["function_name"] == "proxy_call_wrapper"
    assert call["dependencies"] == json.dumps([remote.url])
    assert call["result_type"] == "str"
    assert call["request_bytes"] == str(len('{"a":1}'))
    (request,) = remote.requests
    assert request.header("x-trace-id") == call["trace_id"]
    assert request.header("x-parent-span") == call["span_id"]
    began, ended = float(function["start_time"]), float(function["end_time"])
    assert abs(ended - time.time()) < 60
    assert (ended - began) * 1000 == pytest.approx(float(function["duration_ms"]), abs=0.02)
    assert float(call["start_time"]) >= began


async def test_a_request_with_a_trace_is_part_of_it(join: Join) -> None:
    @mesh.tool("one")
    def one() -> Any:
        return mesh.TraceContext.get_current()

    spans = await traced(join)
    arrived(X_Trace_ID=TRACE, X_Parent_Span=SPAN)
    current = await asyncio.to_thread(one)
    (span,) = spans
    assert (span["trace_id"], span["parent_span"]) == (TRACE, SPAN)
    assert (current.trace_id, current.span_id, current.parent_span) == (
        TRACE,
        span["span_id"],
        SPAN,
    )
    seen = mesh.TraceContext.get_current()
    assert seen is not None
    assert seen.span_id == SPAN, "the span has ended"


async def test_a_function_without_dependencies_counts_none(join: Join) -> None:
    @mesh.tool("one")
    def one(a: int, b: int = 2) -> None: ...

    spans = await traced(join)
    one(1, b=3)
    (span,) = spans
    assert (span["args_count"], span["kwargs_count"]) == ("1", "1")
    assert (span["dependencies"], span["mesh_positions"]) == ("[]", "[]")
    assert span["injected_dependencies"] == "0"
    assert span["result_type"] == "NoneType"


@pytest.mark.parametrize("is_blocking", [False, True])
async def test_a_failure_is_in_the_spans_of_the_call_and_of_the_function(
    registry: FakeRegistry, join: Join, remote: FakeProvider, is_blocking: bool
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "broken")]}

    if is_blocking:

        @mesh.tool("ask", dependencies=["broken"])
        def ask(dep: mesh.McpMeshTool = None) -> Any:
            return dep()
    else:

        @mesh.tool("ask", dependencies=["broken"])
        async def ask(dep: mesh.McpMeshTool = None) -> Any:
            return await dep()

    spans = await traced(join)
    with pytest.raises(RuntimeError, match="it broke"):
        await (asyncio.to_thread(ask) if is_blocking else ask())
    for span in spans:
        assert (span["success"], span["error"]) == ("False", "it broke")
        assert span["result_type"] == "None"
    assert [span["function_name"] for span in spans] == ["proxy_call_wrapper", "ask"]


@pytest.mark.parametrize("is_blocking", [False, True])
async def test_defect_28_a_self_call_takes_as_long_as_it_takes(
    registry: FakeRegistry, join: Join, is_blocking: bool
) -> None:
    own = provider("http://127.0.0.1:1", "slow", agent_id="tester-1")
    registry.wiring = {"ask": [own]}

    @mesh.tool("slow")
    async def slow(word: str) -> str:
        await asyncio.sleep(0.05)
        return word

    if is_blocking:

        @mesh.tool("ask", dependencies=["slow"])
        def ask(slow: mesh.McpMeshTool = None) -> Any:
            return slow(word="x")
    else:

        @mesh.tool("ask", dependencies=["slow"])
        async def ask(slow: mesh.McpMeshTool = None) -> Any:
            return await slow(word="x")

    spans = await traced(join)
    assert await (asyncio.to_thread(ask) if is_blocking else ask()) == "x"
    callee, call, caller = spans
    assert [span["function_name"] for span in spans] == ["slow", "slow", "ask"]
    assert [span.get("call_type") for span in spans] == [None, "self_dependency", None]
    assert call["parent_span"] == caller["span_id"]
    assert callee["parent_span"] == call["span_id"]
    assert call["result_type"] == "str"
    for span in spans:
        assert float(span["duration_ms"]) >= 50


async def test_a_stream_is_one_span_from_its_first_piece_to_its_last(join: Join) -> None:
    @mesh.tool("tell")
    async def tell() -> mesh.Stream[str]:
        for word in ("a", "b"):
            trace = mesh.TraceContext.get_current()
            assert trace is not None
            await asyncio.sleep(0.02)
            yield word + trace.span_id

    spans = await traced(join)
    pieces = []
    async for piece in tell():
        pieces.append(piece)
        assert mesh.TraceContext.get_current() is None, "the reader is not in the span"
    (span,) = spans
    assert pieces == ["a" + span["span_id"], "b" + span["span_id"]]
    assert (span["success"], span["result_type"]) == ("True", "str")
    assert float(span["duration_ms"]) >= 40


async def test_a_stream_that_is_left_early_or_fails_ends_its_span(join: Join) -> None:
    @mesh.tool("tell")
    async def tell(is_broken: bool) -> mesh.Stream[str]:
        yield "a"
        if is_broken:
            raise ValueError("no more")
        yield "b"

    spans = await traced(join)
    left = tell(is_broken=False)
    assert await anext(left) == "a"
    await left.aclose()
    with pytest.raises(ValueError, match="no more"):
        assert [piece async for piece in tell(is_broken=True)]
    assert [(span["success"], span["error"]) for span in spans] == [
        ("True", "null"),
        ("False", "no more"),
    ]


async def test_traces_grow_although_nobody_publishes(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "remote")]}

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(remote: mesh.McpMeshTool = None) -> Any:
        return await remote()

    member = await join()
    member.spans = Spans([], None)
    await ask()
    assert remote.requests[0].header("x-parent-span") is not None


def test_where_a_pod_runs_is_told_by_its_variable() -> None:
    fields = dict(origin(("a-1", "a", "n"), Address("fd00::1", 80), "10.1.1.1"))
    assert fields["agent_ip"] == "10.1.1.1"
    assert fields["agent_endpoint"] == "http://[fd00::1]:80"
