"""Functions under `@mesh.llm`: what they ask, and what they make of the answers."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from fake_mesh import FakeRegistry
from llm_vendor import ECHO, USAGE, Vendor
from pydantic import BaseModel, Field

import mesh
from mesh.thinking.errors import LLMAPIError, LLMRefusedError, ResponseParseError

Join = Callable[..., Awaitable[Any]]
PROVIDER = {"capability": "llm"}


class Ans(BaseModel):
    answer: str
    score: float = Field(0.5, description="conf")


async def test_what_a_registry_of_3_8_says_of_models_and_tools_is_kept(
    join: Join, vendor: Vendor, registry: FakeRegistry
) -> None:
    @mesh.tool("chat")
    @mesh.llm(filter={"capability": "echo"}, provider=PROVIDER)
    async def chat(llm: mesh.MeshLlmAgent = None) -> Ans:
        return await llm("hi")

    # A provider that does not say which model has answered.
    vendor.said = {"role": "assistant", "content": '{"answer": "yes"}'}
    vendor.offer("chat", tools=("echo",))
    registry.llm_providers["chat"]["model"] = "anthropic/claude-x"
    member = await join()
    answer = await chat()
    assert (answer._mesh_meta.provider, answer._mesh_meta.model) == (
        "anthropic",
        "anthropic/claude-x",
    )
    assert [each["agent_id"] for each in member.agent.llm_tools("chat")] == ["x-1"]


async def test_a_request_is_that_of_release_3_8(join: Join, vendor: Vendor, tmp_path: Path) -> None:
    template = tmp_path / "chat.jinja2"
    template.write_text("You talk to {{ who }}.\n")

    @mesh.llm(
        filter={"capability": "echo"},
        provider={"capability": "llm", "tags": ["+claude"]},
        model="anthropic/claude-x",
        max_iterations=4,
        system_prompt=f"file://{template}",
        parallel_tool_calls=True,
        temperature=0.3,
    )
    @mesh.tool("chat")
    async def chat(text: str, context: dict[str, Any], llm: mesh.MeshLlmAgent = None) -> Ans:
        return await llm(text)

    vendor.said = {"role": "assistant", "content": '{"answer": "yes"}', "_mesh_usage": USAGE}
    vendor.offer("chat", tools=("echo",))
    await join()
    answer = await chat(text="hi there", context={"who": "Ann"})

    assert (answer.answer, answer.score) == ("yes", 0.5)
    asked = vendor.asked()
    system = asked["messages"].pop(0)
    assert system["role"] == "system"
    prompt, _, told = system["content"].partition("\n\n")
    assert prompt == "You talk to Ann."
    assert "\n" not in told and "same time" in told
    assert asked == {
        "messages": [{"role": "user", "content": "hi there"}],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "echo",
                    "description": "echo tool",
                    "parameters": ECHO,
                    "_mesh_endpoint": vendor.server.url,
                },
            }
        ],
        "model_params": {
            "temperature": 0.3,
            "model": "anthropic/claude-x",
            "output_schema": {
                "properties": {
                    "answer": {"title": "Answer", "type": "string"},
                    "score": {
                        "default": 0.5,
                        "description": "conf",
                        "title": "Score",
                        "type": "number",
                    },
                },
                "required": ["answer"],
                "title": "Ans",
                "type": "object",
            },
            "output_type_name": "Ans",
            "parallel_tool_calls": True,
            "max_iterations": 4,
        },
        "context": None,
        "request_id": None,
        "caller_agent": None,
    }


async def test_a_plain_request_has_no_tools_and_no_parameters(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi")

    vendor.offer("ask")
    await join()
    answer = await ask()
    assert answer == "hello"
    assert vendor.asked() == {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "hi"},
        ],
        "tools": None,
        "model_params": None,
        "context": None,
        "request_id": None,
        "caller_agent": None,
    }


async def test_an_answer_says_who_gave_it_and_at_what_cost(join: Join, vendor: Vendor) -> None:
    metas: list[mesh.LlmMeta] = []

    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> str:
        answer = await llm("hi")
        metas.append(answer._mesh_meta)
        return answer

    @mesh.llm(provider=PROVIDER, response_model=Ans)
    @mesh.tool("ask_typed")
    async def ask_typed(llm: mesh.MeshLlmAgent = None) -> str:
        answer = await llm("hi")
        metas.append(answer._mesh_meta)
        return answer.model_dump_json()

    vendor.offer("ask", "ask_typed")
    await join()
    answer = await ask()
    assert isinstance(answer, str) and json.dumps(answer) == '"hello"'
    vendor.said = {"role": "assistant", "content": '{"answer": "a"}'}
    assert await ask_typed() == '{"answer":"a","score":0.5}'

    first, second = metas
    assert 0 < first.latency_ms < 5000
    assert first == mesh.LlmMeta("anthropic", "anthropic/claude-x", 3, 4, 7, first.latency_ms)
    # Nothing about tokens came along.
    assert second == mesh.LlmMeta("anthropic", "", 0, 0, 0, second.latency_ms)


@pytest.mark.parametrize(
    "content",
    [
        '{"answer": "a"}',
        '```json\n{"answer": "a"}\n```',
        'Here you are: {"answer": "a"}. Anything else?',
        'One of {those} is it: {"answer": "a"}',
    ],
)
async def test_json_is_found_in_an_answer(join: Join, vendor: Vendor, content: str) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> Ans | None:
        return await llm("hi")

    vendor.said = {"role": "assistant", "content": content}
    vendor.offer("ask")
    await join()
    assert await ask() == Ans(answer="a")


async def test_types_that_are_no_models_are_read_as_well(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("cities")
    async def cities(llm: mesh.MeshLlmAgent = None) -> list[str]:
        return await llm("hi")

    @mesh.llm(provider=PROVIDER)
    @mesh.tool("facts")
    async def facts(llm: mesh.MeshLlmAgent = None) -> dict[str, int]:
        return await llm("hi")

    @mesh.llm(provider=PROVIDER)
    @mesh.tool("colour")
    async def colour(llm: mesh.MeshLlmAgent = None) -> Literal["red", "blue"]:
        return await llm("hi")

    @mesh.llm(provider=PROVIDER)
    @mesh.tool("thread")
    async def thread(llm: mesh.MeshLlmAgent = None) -> threading.Thread:
        return threading.Thread(name=await llm("hi"))

    vendor.offer("cities", "facts", "colour", "thread")
    await join()
    vendor.said = {"role": "assistant", "content": "blue\n"}
    assert await colour() == "blue"
    assert (await thread()).name == "blue\n"
    with pytest.raises(ResponseParseError, match="is not a list"):
        await cities()
    vendor.said = {"role": "assistant", "content": 'Sure: ["Oslo", "Rome"]'}
    assert await cities() == ["Oslo", "Rome"]
    vendor.said = {"role": "assistant", "content": '{"a": "7"}'}
    assert await facts() == {"a": 7}


@pytest.mark.parametrize(
    ("said", "error", "text"),
    [
        (
            {"content": "nope"},
            ResponseParseError,
            "the answer is not a Ans: it is no JSON; it is 'nope'",
        ),
        (
            {"content": '{"score": 1}'},
            ResponseParseError,
            "the answer is not a Ans: answer: Field required; it is '{\"score\": 1}'",
        ),
        (
            {"content": '{"answer": "a', "_mesh_stop_reason": "max_tokens"},
            ResponseParseError,
            'the answer is not a Ans: it is no JSON; it is \'{"answer": "a\'; '
            "it was cut: raise max_tokens",
        ),
        (
            {"content": "I won't.", "_mesh_stop_reason": "refusal"},
            LLMRefusedError,
            "I won't.",
        ),
        (
            {"content": 7},
            LLMAPIError,
            "the LLM provider `process_chat` of `p-1` did not answer: "
            "an LLM's content is a string, got int",
        ),
        (
            RuntimeError("no credit left"),
            LLMAPIError,
            "the LLM provider `process_chat` of `p-1` did not answer: no credit left",
        ),
    ],
)
async def test_errors_have_a_type_and_say_what_was_wrong(
    join: Join, vendor: Vendor, said: Any, error: type[Exception], text: str
) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> Ans:
        return await llm("hi")

    vendor.said = said
    vendor.offer("ask")
    await join()
    with pytest.raises(error) as caught:
        await ask()
    assert text in str(caught.value)


async def test_too_many_iterations_are_an_error_of_their_own(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER, max_iterations=3)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None, **params: int) -> str:
        return await llm("hi", **params)

    vendor.said = {"content": "", "_mesh_stop_reason": "max_iterations"}
    vendor.offer("ask")
    await join()
    with pytest.raises(mesh.MaxIterationsError) as caught:
        await ask(max_iterations=2)
    assert (caught.value.iteration_count, caught.value.max_allowed) == (2, 2)
    assert vendor.asked()["model_params"] == {"max_iterations": 2}
    with pytest.raises(mesh.MaxIterationsError) as caught:
        await ask()
    assert (caught.value.iteration_count, caught.value.max_allowed) == (3, 3)
    assert caught.value.function_id is not None and caught.value.function_id.startswith("ask_")


async def test_defect_17_a_tool_and_a_provider_that_leave_are_used_no_more(
    join: Join, vendor: Vendor, registry: FakeRegistry
) -> None:
    @mesh.llm(provider=PROVIDER, filter="*")
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent | None = None) -> list[str] | None:
        if llm is None:
            return None
        await asyncio.sleep(0)
        return list(await llm("hi"))

    vendor.said = {"content": "[]"}
    vendor.offer("ask", tools=("echo", "add"))
    await join()

    async def told(names: list[str] | None) -> None:
        """Waits until the model is told of these tools, or until there is no model."""
        while True:
            answer = await ask()
            if answer is None:
                if names is None:
                    return
            elif [each["function"]["name"] for each in vendor.asked()["tools"] or []] == names:
                return
            await asyncio.sleep(0.01)

    async with asyncio.timeout(10):
        await told(["echo", "add"])
        vendor.offer("ask", tools=("add",))
        registry.changed = True
        await told(["add"])
        vendor.offer("ask")
        registry.changed = True
        await told([])
        vendor.offer()
        registry.changed = True
        await told(None)
        vendor.offer("ask", tools=("echo",))
        registry.changed = True
        await told(["echo"])


async def test_without_a_provider_the_parameter_is_none(join: Join) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent | None = None) -> bool:
        return llm is None

    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask_blocking")
    def ask_blocking(llm: mesh.MeshLlmAgent | None = None) -> bool:
        return llm is None

    assert await ask()
    await join()
    assert await ask()
    assert ask_blocking()


async def test_a_call_waits_for_the_provider_while_the_mesh_settles(
    join: Join, vendor: Vendor, registry: FakeRegistry
) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent | None = None) -> str:
        return await llm("hi") if llm else "nobody"

    await join(settle=10)
    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    vendor.offer("ask")
    registry.changed = True
    assert await asking == "hello"


async def test_a_tool_that_blocks_asks_without_awaiting(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER, response_model=Ans)
    @mesh.tool("ask")
    def ask(llm: mesh.MeshLlmAgent = None) -> str:
        return llm("hi").answer

    vendor.said = {"content": '{"answer": "a"}'}
    vendor.offer("ask")
    await join()
    assert await asyncio.to_thread(ask) == "a"


async def test_a_caller_in_the_process_may_bring_its_own(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(text: str, llm: mesh.MeshLlmAgent = None) -> str:
        return await llm(text)

    async def parrot(text: str) -> str:
        return text

    vendor.offer("ask")
    await join()
    assert await ask("hi", llm=parrot) == "hi"
    assert await ask("hi", parrot) == "hi"


async def test_the_agents_own_provider_is_called_without_the_network(
    join: Join, vendor: Vendor
) -> None:
    seen: list[Any] = []

    @mesh.tool("llm")
    async def process_chat(request: dict[str, Any]) -> dict[str, Any]:
        seen.append(request)
        return {"role": "assistant", "content": "from within"}

    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi")

    vendor.offer("ask")
    vendor.registry.llm_providers["ask"]["agent_id"] = "tester-1"
    await join()
    assert await ask() == "from within"
    assert seen[0]["messages"][-1]["content"] == "hi"
    assert vendor.server.requests == []
