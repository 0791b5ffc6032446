"""Providers that leave the tools to their consumer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from llm_vendor import USAGE, Vendor

import mesh

Join = Callable[..., Awaitable[Any]]


def wants(*calls: tuple[str, str, Any]) -> dict[str, Any]:
    """An answer that wants these calls: id, name, arguments."""
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call, name, arguments in calls
        ],
        "_mesh_usage": USAGE,
    }


@pytest.fixture
def ask(request: pytest.FixtureRequest, vendor: Vendor) -> Any:
    """A function that may use `echo` and `add`; parametrised, a `def`, or one of several calls."""
    kind = getattr(request, "param", "async")
    decorate = mesh.llm(
        "*",
        provider={"capability": "llm"},
        max_iterations=3,
        parallel_tool_calls=kind == "at once",
    )
    if kind == "blocking":

        @decorate
        @mesh.tool("ask")
        def ask_blocking(llm: mesh.MeshLlmAgent = None) -> Any:
            answer = llm("hi")
            return str(answer), answer._mesh_meta

        async def ask() -> Any:
            return await asyncio.to_thread(ask_blocking)

        vendor.offer("ask_blocking", tools=("echo", "add"))
    else:

        @decorate
        @mesh.tool("ask")
        async def ask(llm: mesh.MeshLlmAgent = None) -> Any:
            answer = await llm("hi")
            return str(answer), answer._mesh_meta

        vendor.offer("ask", tools=("echo", "add"))
    return ask


@pytest.mark.parametrize("ask", ["async", "at once", "blocking"], indirect=True)
async def test_calls_are_made_and_their_results_told(join: Join, vendor: Vendor, ask: Any) -> None:
    asked = wants(("c1", "echo", '{"text": "x"}'), ("c2", "add", {"a": 1}))
    vendor.said = [asked, {"content": "done", "_mesh_usage": USAGE}]
    vendor.tools = {"echo": "ECHO", "add": {"sum": 5}}
    await join()
    answer, meta = await ask()
    assert answer == "done"
    # Of both turns.
    assert (meta.input_tokens, meta.output_tokens, meta.total_tokens) == (6, 8, 14)
    assert sorted(vendor.called) == [("add", {"a": 1}), ("echo", {"text": "x"})]
    messages = vendor.asked()["messages"]
    assert messages[-3:] == [
        {"role": "assistant", "content": "", "tool_calls": asked["tool_calls"]},
        {"role": "tool", "tool_call_id": "c1", "content": "ECHO"},
        {"role": "tool", "tool_call_id": "c2", "content": '{"sum":5}'},
    ]


@pytest.mark.parametrize("ask", ["async", "blocking"], indirect=True)
async def test_a_tool_that_fails_is_an_error_of_its_own(
    join: Join, vendor: Vendor, ask: Any
) -> None:
    vendor.said = wants(("c1", "echo", '{"text": "x"}'))
    vendor.tools = {"echo": RuntimeError("out of order")}
    await join()
    with pytest.raises(mesh.ToolExecutionError) as caught:
        await ask()
    failed = caught.value
    assert (failed.tool_name, failed.arguments) == ("echo", {"text": "x"})
    assert "out of order" in str(failed.original_error)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("c1", "divide", "{}"), "tool `divide` failed: the model was not offered a tool"),
        (("c1", "echo", "{"), "tool `echo` failed: Expecting property name"),
        (("c1", "echo", "3"), "tool `echo` failed: its arguments are no object: 3"),
    ],
)
async def test_a_call_that_cannot_be_made_is_one_too(
    join: Join, vendor: Vendor, ask: Any, call: Any, message: str
) -> None:
    vendor.said = wants(call)
    await join()
    with pytest.raises(mesh.ToolExecutionError, match=message):
        await ask()


@pytest.mark.parametrize("ask", ["async", "blocking"], indirect=True)
async def test_a_model_that_never_ends_is_stopped(join: Join, vendor: Vendor, ask: Any) -> None:
    vendor.said = wants(("c1", "echo", json.dumps({"text": "again"})))
    vendor.tools = {"echo": "again"}
    await join()
    with pytest.raises(mesh.MaxIterationsError, match="after 3 of 3 iterations"):
        await ask()
    # Nobody would be told of the results of a third round.
    assert len(vendor.called) == 2
