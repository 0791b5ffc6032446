"""Every vendor through its own SDK: the loop of model and tools, its ends, and its failures."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
from fake_mesh import Request
from fastmcp.exceptions import ToolError
from llm_vendors import seen
from llm_vendors.vendor_server import Breaks, Fails, Says
from thinking import MARKS, VENDORS, Start, arguments, says

from mesh.calling.headers import Inbound, inbound
from mesh.thinking.wire import Chunk, End, Usage

pytestmark = [
    pytest.mark.parametrize("vendor", [pytest.param(name, marks=MARKS[name]) for name in VENDORS]),
]

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "title": "Ans",
}


@pytest.fixture
async def start(
    closing: ExitStack, monkeypatch: pytest.MonkeyPatch, join: Any
) -> AsyncIterator[Start]:
    start = Start(closing, monkeypatch, join)
    yield start
    for provider in start.started:
        await provider.close()


async def test_a_plain_answer(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("hello", tokens=(7, 3)))
    answer = await thinking.ask(
        messages=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]
    )
    assert answer == {
        "role": "assistant",
        "content": "hello",
        "_mesh_usage": {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "model": thinking.model,
        },
    }
    (request,) = thinking.vendor.requests
    assert seen.system(request) == "Be kind."
    assert seen.tools(request) == []


async def test_tools_are_run_where_they_are_and_the_model_hears(start: Start, vendor: str) -> None:
    thinking = await start.thinking(
        vendor, Says("Let me see.", [("add", {"a": 1})], (7, 3)), Says("five", tokens=(20, 4))
    )
    add, server = start.tool(lambda request: says(request, "5"))
    answer = await thinking.ask(tools=[add])
    assert (answer["content"], answer.get("_mesh_stop_reason")) == ("five", None)
    assert answer["_mesh_usage"]["prompt_tokens"] == 27
    assert answer["_mesh_usage"]["completion_tokens"] == 7
    assert [arguments(call) for call in server.requests] == [{"a": 1}]
    first, second = thinking.vendor.requests
    assert seen.tools(first) == ["add"]
    assert seen.calls(second) == [("add", {"a": 1})]
    assert seen.results(second) == [("5", False)]


async def test_a_tool_that_fails_is_told_to_the_model(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("", [("add", {"a": 1})]), Says("I cannot."))
    add, _ = start.tool(lambda request: says(request, "no such city", isError=True))
    assert (await thinking.ask(tools=[add]))["content"] == "I cannot."
    assert seen.results(thinking.vendor.requests[1]) == [("no such city", True)]


async def test_a_tool_whose_agent_is_gone_is_told_to_the_model(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("", [("add", {"a": 1})]), Says("I cannot."))
    add, server = start.tool(lambda request: says(request, "5"))
    add["function"]["_mesh_endpoint"] = "http://127.0.0.1:1"
    assert (await thinking.ask(tools=[add]))["content"] == "I cannot."
    ((reason, is_error),) = seen.results(thinking.vendor.requests[1])
    assert is_error and "127.0.0.1:1" in reason
    assert server.requests == []


async def test_a_tool_that_was_never_offered_is_told_to_the_model(
    start: Start, vendor: str
) -> None:
    thinking = await start.thinking(vendor, Says("", [("mul", {"a": 1})]), Says("Sorry."))
    add, server = start.tool(lambda request: says(request, "5"))
    assert (await thinking.ask(tools=[add]))["content"] == "Sorry."
    there = "there is no tool `mul`; there is `add`"
    assert seen.results(thinking.vendor.requests[1]) == [(there, True)]
    assert server.requests == []


async def test_several_calls_of_a_turn_run_at_once_when_allowed(start: Start, vendor: str) -> None:
    both = threading.Barrier(2, timeout=10)

    def answer(request: Request) -> None:
        both.wait()  # One after the other would break it.
        says(request, str(arguments(request)["a"] * 10))

    turn = Says("", [("add", {"a": 1}), ("add", {"a": 2})])
    thinking = await start.thinking(vendor, turn, Says("done"))
    add, _ = start.tool(answer)
    await thinking.ask(tools=[add], model_params={"parallel_tool_calls": True})
    assert seen.results(thinking.vendor.requests[1]) == [("10", False), ("20", False)]


async def test_several_calls_of_a_turn_run_in_order_otherwise(start: Start, vendor: str) -> None:
    running: list[int] = []

    def answer(request: Request) -> None:
        running.append(1)
        assert len(running) == 1, "another call runs already"
        says(request, str(arguments(request)["a"]))
        running.pop()

    turn = Says("", [("add", {"a": 1}), ("add", {"a": 2})])
    thinking = await start.thinking(vendor, turn, Says("done"))
    add, server = start.tool(answer)
    assert (await thinking.ask(tools=[add]))["content"] == "done"
    assert [arguments(call)["a"] for call in server.requests] == [1, 2]


async def test_without_an_end_there_is_no_answer(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("Just one more.", [("add", {"a": 1})], (7, 3)))
    add, server = start.tool(lambda request: says(request, "5"))
    answer = await thinking.ask(tools=[add], model_params={"max_iterations": 3})
    assert (answer["content"], answer["_mesh_stop_reason"]) == ("", "max_iterations")
    assert answer["_mesh_usage"]["prompt_tokens"] == 21
    # Nobody would have told the model what the third call found.
    assert (len(thinking.vendor.requests), len(server.requests)) == (3, 2)


async def test_a_cut_answer_says_so(start: Start, vendor: str) -> None:
    word = {"anthropic": "max_tokens", "gemini": "MAX_TOKENS"}.get(vendor, "length")
    thinking = await start.thinking(vendor, Says("Once upon", stop=word))
    answer = await thinking.ask()
    assert (answer["content"], answer["_mesh_stop_reason"]) == ("Once upon", "max_tokens")


async def test_a_refusal_says_so(start: Start, vendor: str) -> None:
    word = {"anthropic": "refusal", "gemini": "SAFETY"}.get(vendor, "content_filter")
    thinking = await start.thinking(vendor, Says("I will not.", stop=word))
    answer = await thinking.ask()
    assert (answer["content"], answer["_mesh_stop_reason"]) == ("I will not.", "refusal")


async def test_parameters_of_the_request_win(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("ok"), temperature=0.1, max_tokens=77)
    await thinking.ask(model_params={"temperature": 0.9, "stop": ["x"]})
    (request,) = thinking.vendor.requests
    request |= request.pop("generationConfig", {})
    assert request["temperature"] == 0.9
    assert request.get("max_tokens", request.get("maxOutputTokens")) == 77
    stop = next(
        request[name] for name in ("stop", "stop_sequences", "stopSequences") if name in request
    )
    assert stop == ["x"]


async def test_a_request_decides_nothing_about_the_key(
    start: Start, vendor: str, caplog: pytest.LogCaptureFixture
) -> None:
    thinking = await start.thinking(vendor, Says("ok"))
    stranger = {
        "api_base": "http://127.0.0.1:1",
        "base_url": "http://127.0.0.1:1",
        "api_key": "x",
        "extra_headers": {"a": "b"},
        "http_options": {"base_url": "http://127.0.0.1:1"},
        "model": "other/model",
    }
    assert (await thinking.ask(model_params=stranger))["content"] == "ok"
    assert "api_base, api_key, base_url, extra_headers, http_options" in caplog.text
    assert f"wants other/model of a provider of {thinking.model}" in caplog.text


async def test_a_request_may_choose_another_model_of_the_vendor(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("ok"))
    prefix = thinking.model.partition("/")[0]
    other = f"{prefix}/newer-model"
    answer = await thinking.ask(model_params={"model": other})
    assert answer["_mesh_usage"]["model"] == other
    asked = thinking.vendor.requests[0].get("model", thinking.vendor.paths[0])
    assert "newer-model" in asked
    assert "/newer-model" not in asked.replace("/models/", "")


@pytest.mark.parametrize("mode", [None, "strict"])
async def test_the_vendor_holds_the_model_to_a_schema(
    start: Start, vendor: str, mode: str | None
) -> None:
    thinking = await start.thinking(vendor, Says('{"answer": "x"}'))
    answer = await thinking.ask(model_params={"output_schema": SCHEMA, "output_mode": mode})
    assert answer["content"] == '{"answer": "x"}'
    held = seen.schema(thinking.vendor.requests[0])
    assert held is not None
    assert held["properties"]["answer"]["type"] == "string"
    assert held["required"] == ["answer"]
    assert seen.system(thinking.vendor.requests[0]) == ""


async def test_a_hint_is_words(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("{}"))
    messages = [{"role": "system", "content": "Be."}, {"role": "user", "content": "hi"}]
    hinted = {"output_schema": SCHEMA, "output_mode": "hint"}
    await thinking.ask(messages=messages, model_params=hinted)
    (request,) = thinking.vendor.requests
    assert seen.schema(request) is None
    prompt = seen.system(request)
    assert prompt.startswith("Be.\n\nYour final answer has to be one JSON value")
    assert '"required": ["answer"]' in prompt


async def test_text_is_free(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("x"))
    await thinking.ask(model_params={"output_schema": SCHEMA, "output_mode": "text"})
    (request,) = thinking.vendor.requests
    assert (seen.schema(request), seen.system(request)) == (None, "")


async def test_a_conversation_of_the_consumer_is_continued(start: Start, vendor: str) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    messages = [
        {"role": "user", "content": "one?"},
        {"role": "assistant", "content": "wait", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
        {"role": "assistant", "content": "five"},
        {"role": "user", "content": "and two?"},
    ]
    thinking = await start.thinking(vendor, Says("ten"))
    assert (await thinking.ask(messages=messages))["content"] == "ten"
    (request,) = thinking.vendor.requests
    assert seen.calls(request) == [("add", {"a": 1})]
    assert seen.results(request) == [("5", False)]


async def test_text_comes_in_frames_as_it_is_said(start: Start, vendor: str) -> None:
    gate = threading.Event()
    thinking = await start.thinking(vendor, Says("hello there", tokens=(7, 3), gate=gate))
    request = {"messages": [{"role": "user", "content": "hi"}]}
    frames = thinking.provider.frames(request)
    first = await anext(frames)
    assert not gate.is_set(), "the first piece came before the vendor had said all"
    gate.set()
    rest = [frame async for frame in frames]
    assert first == Chunk("hell").to_wire()
    usage = Usage(7, 3, thinking.model)
    assert rest == [Chunk("o th").to_wire(), Chunk("ere").to_wire(), End(None, usage).to_wire()]


async def test_a_stream_goes_on_after_its_tools(start: Start, vendor: str) -> None:
    thinking = await start.thinking(
        vendor,
        Says("Wait", [("add", {"a": 1}), ("add", {"a": 2})], (7, 3)),
        Says("five", tokens=(20, 4)),
    )
    add, server = start.tool(lambda request: says(request, "5"))
    *chunks, end = await thinking.listen(tools=[add])
    assert "".join(chunk.content for chunk in chunks) == "Wait\n\nfive"
    assert end == End(None, Usage(27, 7, thinking.model))
    assert [arguments(call)["a"] for call in server.requests] == [1, 2]
    assert seen.results(thinking.vendor.requests[1]) == [("5", False), ("5", False)]


async def test_a_stream_without_an_end_says_so(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("Wait", [("add", {"a": 1})]))
    add, _ = start.tool(lambda request: says(request, "5"))
    frames = await thinking.listen(tools=[add], model_params={"max_iterations": 2})
    assert isinstance(frames[-1], End)
    assert frames[-1].stop_reason == "max_iterations"


async def test_a_stream_that_breaks_is_an_error(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Breaks(Says("a long story that has no end")))
    with pytest.raises(ToolError, match=thinking.model):
        await thinking.listen()


@pytest.mark.parametrize("status", [429, 500])
async def test_a_passing_failure_is_tried_again(start: Start, vendor: str, status: int) -> None:
    passing = Fails(status, headers={"retry-after": "0"})
    thinking = await start.thinking(vendor, passing, Says("hello"))
    assert (await thinking.ask())["content"] == "hello"
    assert len(thinking.vendor.requests) == 2


@pytest.mark.parametrize(
    ("status", "cure"), [(401, "check "), (404, "check the model's name"), (429, "rate limit")]
)
async def test_a_failure_says_what_the_vendor_says_and_the_cure(
    start: Start, vendor: str, status: int, cure: str
) -> None:
    thinking = await start.thinking(vendor, Fails(status), max_retries=0)
    with pytest.raises(ToolError) as failed:
        await thinking.ask()
    text = str(failed.value)
    assert text.startswith(f"{thinking.model}: the vendor answers {status}: ")
    assert "no luck today" in text
    assert cure in text


async def test_a_key_is_never_repeated(
    start: Start, vendor: str, caplog: pytest.LogCaptureFixture
) -> None:
    thinking = await start.thinking(vendor, Says("ok"), api_key="sk-very-secret", max_retries=0)
    start.environment.setenv("OTHER_API_KEY", "another-secret")
    body = thinking.vendor.error(401, "wrong key: sk-very-secret, not another-secret")
    thinking.vendor.turns = [Fails(401, body)]
    with pytest.raises(ToolError) as failed:
        await thinking.ask()
    assert "wrong key: …, not …" in str(failed.value)
    assert "secret" not in caplog.text


@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '{"choices": []}'])
async def test_an_answer_that_is_none_is_an_error(start: Start, vendor: str, body: str) -> None:
    thinking = await start.thinking(vendor, Fails(200, body), max_retries=0)
    with pytest.raises(ToolError, match=thinking.model):
        await thinking.ask()


async def test_a_vendor_that_is_silent_is_an_error(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Fails(500, after=1.5), max_retries=0)
    token = inbound.set(Inbound({}, 0.5))
    try:
        with pytest.raises(ToolError, match=r"no answer within 0\.5 s"):
            await thinking.ask()
    finally:
        inbound.reset(token)


async def test_a_vendor_that_is_away_is_an_error(start: Start, vendor: str) -> None:
    away = {"base_url": "http://127.0.0.1:1", "api_key": "k", "max_retries": 0}
    thinking = await start.thinking(vendor, Says("never"), **away)
    with pytest.raises(ToolError, match=r"cannot be reached|Connection error"):
        await thinking.ask()


async def test_a_provider_thinks_about_many_things_at_a_time(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("hello"))
    answers = await asyncio.gather(*(thinking.ask(str(number)) for number in range(5)))
    assert [answer["content"] for answer in answers] == ["hello"] * 5


async def test_a_tool_that_must_be_used_must_be_used_once(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("", [("add", {"a": 1})]), Says("five"))
    add, _ = start.tool(lambda request: says(request, "5"))
    await thinking.ask(tools=[add], model_params={"tool_choice": "required"})
    assert [seen.must_use_tools(request) for request in thinking.vendor.requests] == [True, False]


async def test_a_consumer_that_has_heard_enough_ends_the_vendor_s_stream(
    start: Start, vendor: str
) -> None:
    gate = threading.Event()
    thinking = await start.thinking(vendor, Says("hello there", gate=gate), max_retries=0)
    frames = thinking.provider.frames({"messages": [{"role": "user", "content": "hi"}]})
    await anext(frames)
    # Nothing is left to be closed by whoever collects the garbage.
    await frames.aclose()
    gate.set()
    assert len(thinking.vendor.requests) == 1


async def test_arguments_that_an_sdk_does_not_know_are_named(
    start: Start, vendor: str, caplog: pytest.LogCaptureFixture
) -> None:
    thinking = await start.thinking(vendor, Says("hello"), drop_params=True)
    assert (await thinking.ask())["content"] == "hello"
    assert ("has no use for drop_params" in caplog.text) == (vendor != "litellm")
