"""Answers that come piece by piece."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from llm_vendor import USAGE, Frames, Vendor

import mesh
from mesh.thinking.errors import LLMAPIError, LLMRefusedError
from mesh.thinking.wire import Chunk, End, Usage
from mesh.tracing.spans import Spans

Join = Callable[..., Awaitable[Any]]
PROVIDER = {"capability": "llm"}
END = End(usage=Usage(3, 4, "anthropic/claude-x")).to_wire()


@pytest.fixture
def tell(vendor: Vendor) -> Any:
    @mesh.llm(provider=PROVIDER, system_prompt="Tell.", temperature=0.5)
    @mesh.tool("tell")
    async def tell(about: str, llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
        async for piece in llm.stream(about, max_tokens=9):
            yield piece

    vendor.offer("tell")
    return tell


async def collected(pieces: Any) -> list[str]:
    return [piece async for piece in pieces]


async def test_pieces_are_handed_on(join: Join, vendor: Vendor, tell: Any) -> None:
    vendor.said = Frames([Chunk("one ").to_wire(), Chunk("two").to_wire(), END])
    await join()
    assert await collected(tell("x")) == ["one ", "two"]
    asked = vendor.asked()
    assert [each["content"] for each in asked["messages"]] == ["Tell.", "x"]
    assert asked["model_params"] == {"temperature": 0.5, "max_tokens": 9}


async def test_what_a_provider_says_without_frames_is_text(
    join: Join, vendor: Vendor, tell: Any
) -> None:
    vendor.said = Frames(["plain ", '{"a": 1}', " 42"])
    await join()
    assert await collected(tell("x")) == ["plain ", '{"a": 1}', " 42"]


async def test_a_provider_that_does_not_stream_is_one_piece(
    join: Join, vendor: Vendor, tell: Any
) -> None:
    vendor.said = {"role": "assistant", "content": "all of it", "_mesh_usage": USAGE}
    await join()
    assert await collected(tell("x")) == ["all of it"]


@pytest.mark.parametrize(
    ("said", "error", "text"),
    [
        (Frames([End("refusal").to_wire()]), LLMRefusedError, "refused"),
        (Frames([Chunk("a").to_wire()], "no credit"), LLMAPIError, "did not answer: no credit"),
        (
            {"role": "assistant", "content": "", "tool_calls": [{"id": "c"}]},
            LLMAPIError,
            "it leaves its tools to the one who asks",
        ),
        (Frames([End("max_iterations").to_wire()]), mesh.MaxIterationsError, "iterations"),
    ],
)
async def test_a_stream_ends_with_an_error_of_a_type(
    join: Join, vendor: Vendor, tell: Any, said: Any, error: type[Exception], text: str
) -> None:
    vendor.said = said
    await join()
    with pytest.raises(error, match=text):
        await collected(tell("x"))


async def test_a_stream_that_is_left_early_ends(join: Join, vendor: Vendor, tell: Any) -> None:
    vendor.said = Frames([Chunk("one").to_wire(), Chunk("two").to_wire(), END])
    await join()
    pieces = tell("x")
    assert await anext(pieces) == "one"
    await pieces.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


async def test_a_tool_that_blocks_iterates(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("tell")
    def tell(llm: mesh.MeshLlmAgent = None) -> list[str]:
        return list(llm.stream("x"))

    vendor.offer("tell")
    vendor.said = Frames([Chunk("one ").to_wire(), Chunk("two").to_wire(), END])
    await join()
    assert await asyncio.to_thread(tell) == ["one ", "two"]


async def test_a_whole_answer_may_be_asked_of_a_provider_that_streams(
    join: Join, vendor: Vendor
) -> None:
    @mesh.llm(provider=PROVIDER, response_model=str)
    @mesh.tool("tell")
    async def tell(llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
        answer = await llm("x")
        yield f"{answer} {answer._mesh_meta.total_tokens}"

    vendor.offer("tell")
    vendor.said = Chunk("one ").to_wire() + Chunk("two").to_wire() + END
    await join()
    assert await collected(tell()) == ["one two 7"]


async def test_the_span_of_a_function_says_what_it_has_asked(
    join: Join, vendor: Vendor, tell: Any
) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> str:
        await llm("a")
        return await llm("b")

    vendor.offer("tell", "ask")
    member = await join()
    spans: list[dict[str, str]] = []
    member.spans = Spans([], lambda fields: spans.append(dict(fields)))
    await ask()
    vendor.said = Frames([Chunk("one").to_wire(), END])
    await collected(tell("x"))

    told = [
        {name: value for name, value in span.items() if name.startswith("llm_")} for span in spans
    ]
    twice = {"llm_input_tokens": "6", "llm_output_tokens": "8", "llm_total_tokens": "14"}
    once = {"llm_input_tokens": "3", "llm_output_tokens": "4", "llm_total_tokens": "7"}
    who = {"llm_model": "anthropic/claude-x", "llm_provider": "anthropic"}
    assert [each["function_name"] for each in spans] == [
        "proxy_call_wrapper",
        "proxy_call_wrapper",
        "ask",
        "proxy_call_wrapper",
        "tell",
    ]
    assert told == [{}, {}, who | twice, {}, who | once]


async def test_frames_of_the_agents_own_provider_are_read_too(
    join: Join, vendor: Vendor, tell: Any
) -> None:
    @mesh.tool("llm", tags=["ai.mcpmesh.stream"])
    async def process_chat(request: dict[str, Any]) -> mesh.Stream[str]:
        yield Chunk(json.dumps(request["messages"][-1]["content"])).to_wire()
        yield END

    vendor.offer("tell")
    vendor.registry.llm_providers["tell"]["agent_id"] = "tester-1"
    await join()
    assert await collected(tell("x")) == ['"x"']
    assert vendor.server.requests == []
