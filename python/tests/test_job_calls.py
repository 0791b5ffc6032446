"""Calls and jobs: who calls, who is overtaken, and how long a call may take."""

import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from fake_mesh import FakeProvider, FakeRegistry, Request, provider, result
from fastmcp.exceptions import ToolError

import mesh
from mesh.calling.headers import NOTHING, HeaderRules, Inbound, inbound, time_budget
from mesh.calling.job_context import Dispatch, RunningJob, running_job

Join = Callable[..., Awaitable[Any]]
SUPERSEDED = {"error": "claim_superseded", "detail": "epoch 1 < 2"}


@pytest.fixture
def remote(
    registry: FakeRegistry, closing: ExitStack
) -> Callable[[Callable[[Request], None]], FakeProvider]:
    """The provider of `ask`'s and `ask_blocking`'s dependency, which answers as it is told."""

    def start(answer: Callable[[Request], None]) -> FakeProvider:
        server = FakeProvider(answer)
        closing.callback(server.server.close)
        registry.wiring = {
            name: [provider(server.url, "remote")] for name in ("ask", "ask_blocking")
        }
        return server

    return start


def refused(request: Request) -> None:
    content = [{"type": "text", "text": json.dumps(SUPERSEDED)}]
    request.answer(200, result(request, content=content, isError=True))


async def test_a_superseded_caller_gets_the_same_error(join: Join, remote: Any) -> None:
    remote(refused)

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return await dep()

    @mesh.tool("ask_blocking", dependencies=["remote"])
    def ask_blocking(dep: mesh.McpMeshTool = None) -> Any:
        return dep()

    await join()
    with pytest.raises(mesh.SupersededError) as caught:
        await ask()
    assert caught.value.detail == "epoch 1 < 2"
    with pytest.raises(mesh.SupersededError):
        ask_blocking()
    assert isinstance(caught.value, ToolError)
    assert json.loads(str(caught.value)) == SUPERSEDED
    assert str(mesh.SupersededError()) == '{"error":"claim_superseded"}'


async def test_an_ordinary_error_stays_one(join: Join, remote: Any) -> None:
    text = "claim_superseded is a word in this text"
    remote(
        lambda request: request.answer(
            200, result(request, content=[{"type": "text", "text": text}], isError=True)
        )
    )

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return await dep()

    await join()
    with pytest.raises(RuntimeError, match=text):
        await ask()


async def test_a_job_s_calls_bear_its_name_and_have_its_time(join: Join, remote: Any) -> None:
    server = remote(lambda request: request.answer(200, result(request, content=[])))

    @mesh.tool("ask", dependencies=["remote"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return await dep()

    await join(timeout=30)
    # What brought the job here bears the name of the job that submitted it.
    outer = {"x-mesh-calling-job-id": "outer", "x-mesh-calling-claim-epoch": "7"}
    inbound_token = inbound.set(Inbound(outer))
    job_token = running_job.set(RunningJob("inner", None, lambda: 2.1))
    try:
        await ask()
    finally:
        running_job.reset(job_token)
        inbound.reset(inbound_token)
    (request,) = server.requests
    assert request.header("x-mesh-calling-job-id") == "inner"
    assert request.header("x-mesh-calling-claim-epoch") is None
    assert request.header("x-mesh-timeout") == "3"


async def test_defect_16_a_job_is_the_caller_of_its_own_agent_s_tools_too(
    registry: FakeRegistry, join: Join
) -> None:
    @mesh.tool("who")
    async def who() -> Any:
        return mesh.calling_job()

    @mesh.tool("who_blocking")
    def who_blocking() -> Any:
        return mesh.calling_job()

    @mesh.tool("ask", dependencies=["who", "who_blocking"])
    async def ask(a: mesh.McpMeshTool = None, b: mesh.McpMeshTool = None) -> Any:
        return [await a(), await b(), mesh.calling_job()]

    own = [provider("http://here", name, agent_id="tester-1") for name in ("who", "who_blocking")]
    registry.wiring = {"ask": own}
    await join()
    token = running_job.set(RunningJob("j", 3, lambda: None))
    try:
        caller = mesh.CallingJob("j", 3)
        assert await ask() == [caller, caller, None]
    finally:
        running_job.reset(token)
    assert await ask() == [None, None, None]


def test_what_hands_a_job_over_is_kept_and_never_sent_on(caplog: pytest.LogCaptureFixture) -> None:
    rules = HeaderRules(("x-mesh-*",))
    headers = {
        "X-Mesh-Job-Id": "j",
        "X-Mesh-Claim-Epoch": "4",
        "X-Mesh-Recv-Cursor": '{"": 2, "a": 5, "b": null}',
        "X-Mesh-Other": "o",
    }
    captured = rules.capture(headers.items())
    assert captured.dispatch == Dispatch("j", 4, {"": 2, "a": 5})
    token = inbound.set(captured)
    try:
        with caplog.at_level(logging.WARNING, logger="mesh"):
            sent = rules.outbound({"X-Mesh-Job-Id": "other"})
    finally:
        inbound.reset(token)
    assert sent == [("x-mesh-other", "o")]
    assert "`x-mesh-job-id` is not sent" in caplog.text


@pytest.mark.parametrize(
    ("headers", "dispatch"),
    [
        ({"x-mesh-job-id": "j"}, Dispatch("j")),
        ({"x-mesh-job-id": "j", "x-mesh-claim-epoch": "four"}, Dispatch("j")),
        ({"x-mesh-job-id": "j", "x-mesh-recv-cursor": "[1]"}, Dispatch("j")),
        ({"x-mesh-job-id": "j", "x-mesh-recv-cursor": "{"}, Dispatch("j")),
        ({"x-mesh-job-id": " "}, None),
        ({"x-mesh-claim-epoch": "1"}, None),
    ],
)
def test_odd_dispatch_headers_are_no_harm(
    headers: dict[str, str], dispatch: Dispatch | None
) -> None:
    assert HeaderRules(()).capture(headers.items()).dispatch == dispatch


@pytest.mark.parametrize(
    ("asked", "left", "budget"),
    [(None, None, 300), (7, None, 7), (None, 2.1, 3), (7, 100.0, 7), (7, 0.0, 1), (7, -3.0, 1)],
)
def test_a_call_ends_before_its_job(asked: float | None, left: float | None, budget: float) -> None:
    token = inbound.set(Inbound({}, asked) if asked else NOTHING)
    job_token = running_job.set(RunningJob("j", 1, lambda: left))
    try:
        assert time_budget(300) == budget
    finally:
        running_job.reset(job_token)
        inbound.reset(token)


@pytest.mark.parametrize("epoch", [("4", 4), ("old", None), (None, None)])
def test_a_tool_sees_which_job_calls(epoch: tuple[str | None, int | None]) -> None:
    text, number = epoch
    headers = {"x-mesh-calling-job-id": "j"}
    if text is not None:
        headers["x-mesh-calling-claim-epoch"] = text
    token = inbound.set(Inbound(headers))
    try:
        assert mesh.calling_job() == mesh.CallingJob("j", number)
    finally:
        inbound.reset(token)
    assert mesh.calling_job() is None
