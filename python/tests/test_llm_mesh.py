"""LLM functions in a real mesh: a consumer, a provider and tools, that come and go."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from agent_process import Agents, call, wait_for
from llm_vendors.openai_server import OpenAiServer
from llm_vendors.vendor_server import Fails, Says
from real_mesh import address, real_mesh

CONSUMER = """
    import mesh
    from fastmcp import FastMCP

    app = FastMCP("asker")

    @app.tool()
    @mesh.llm(
        filter=[{"capability": "addition"}, "greeting"],
        provider={"capability": "llm", "tags": ["+fake"]},
        system_prompt="Add.",
        response_model=str,
    )
    @mesh.tool("ask")
    async def ask(question: str, llm: mesh.MeshLlmAgent = None) -> dict[str, object]:
        if llm is None:
            return {"nobody": True}
        answer = await llm(question)
        return {"text": answer, "model": answer._mesh_meta.model}

    @app.tool()
    @mesh.llm(provider={"capability": "llm"}, max_iterations=2)
    @mesh.tool("give_up")
    async def give_up(llm: mesh.MeshLlmAgent = None) -> str:
        try:
            return await llm("give up")
        except mesh.MaxIterationsError as error:
            return f"gave up after {error.iteration_count}"

    @mesh.agent("asker")
    class Asker: ...
"""

PROVIDER = """
    import json
    import mesh

    @mesh.tool("llm", tags=["fake"], vendor="nobody")
    async def think(request: dict) -> dict:
        said = request["messages"][-1]["content"]
        names = sorted(tool["function"]["name"] for tool in request["tools"] or [])
        if said == "give up":
            return {"role": "assistant", "content": "", "_mesh_stop_reason": "max_iterations"}
        return {
            "role": "assistant",
            "content": json.dumps([said, names]),
            "_mesh_usage": {"prompt_tokens": 1, "completion_tokens": 1, "model": "nobody/m"},
        }

    @mesh.agent("thinker")
    class Thinker: ...
"""

ADDER = """
    import mesh

    @mesh.tool("addition")
    def add(a: int, b: int) -> int:
        return a + b

    @mesh.tool("subtraction")
    def subtract(a: int, b: int) -> int:
        return a - b

    @mesh.agent("adder")
    class Adder: ...
"""


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    with real_mesh(tmp_path) as agents:
        yield agents


def asked(url: str) -> Any:
    result = call(url, "ask", question="2 and 3?")
    return None if result["isError"] else result["structuredContent"]


def answer(*tools: str) -> dict[str, str]:
    return {"text": json.dumps(["2 and 3?", list(tools)]), "model": "nobody/m"}


def test_an_llm_function_is_wired_to_what_is_there(agents: Agents) -> None:
    agents.start(CONSUMER, name="asker", health_interval="1", settle_timeout="0")
    url = address(agents, "asker")
    assert asked(url) == {"nobody": True}

    agents.start(PROVIDER, name="thinker", health_interval="1")
    wait_for("the provider", lambda: asked(url) == answer())
    assert call(url, "give_up")["structuredContent"] == {"result": "gave up after 2"}

    adder = agents.start(ADDER, name="adder", health_interval="1")
    wait_for("the tool", lambda: asked(url) == answer("add"))
    assert adder.stop() == 0
    wait_for("the tool to be forgotten", lambda: asked(url) == answer())

    thinker = agents.started[1]
    assert thinker.stop() == 0
    wait_for("the provider to be forgotten", lambda: asked(url) == {"nobody": True})


def test_a_first_call_waits_for_the_provider(agents: Agents) -> None:
    agents.start(CONSUMER, name="asker", health_interval="1", settle_timeout="20")
    url = address(agents, "asker")
    agents.start(PROVIDER, name="thinker", health_interval="1")
    assert asked(url) == answer()


BOTH_SIDES = """
    import mesh
    from pydantic import BaseModel

    class Sum(BaseModel):
        total: int

    @mesh.llm(filter="addition", provider={"capability": "llm"}, max_iterations=2)
    @mesh.tool("ask")
    async def ask(question: str, llm: mesh.MeshLlmAgent = None) -> Sum:
        return await llm(question)

    @mesh.llm(filter="addition", provider={"capability": "llm"}, response_model=Sum)
    @mesh.tool("cost")
    async def cost(question: str, llm: mesh.MeshLlmAgent = None) -> str:
        meta = (await llm(question, max_iterations=3))._mesh_meta
        return f"{meta.provider} {meta.model} {meta.input_tokens}+{meta.output_tokens}"

    @mesh.llm(provider={"capability": "llm"})
    @mesh.tool("tell")
    async def tell(llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
        async for piece in llm.stream("a story"):
            yield piece

    @mesh.agent("asker")
    class Asker: ...
"""

VENDORS = """
    import mesh

    @mesh.llm_provider("openai/gpt-4o")
    def think(): ...

    @mesh.agent("thinker")
    class Thinker: ...
"""


@pytest.fixture
def openai(closing: ExitStack, monkeypatch: pytest.MonkeyPatch) -> OpenAiServer:
    """A vendor for the provider's process."""
    vendor = OpenAiServer(Says(""))
    closing.callback(vendor.close)
    for variable, value in vendor.settings().items():
        monkeypatch.setenv(variable, value)
    return vendor


def test_a_consumer_and_a_provider_of_this_release_meet(
    agents: Agents, openai: OpenAiServer
) -> None:
    agents.start(VENDORS, name="thinker", health_interval="1")
    agents.start(ADDER, name="adder", health_interval="1")
    address(agents, "thinker")
    address(agents, "adder")
    agents.start(BOTH_SIDES, name="asker", health_interval="1", settle_timeout="20")
    url = address(agents, "asker")
    adds = Says(calls=[("add", {"a": 2, "b": 3})])

    openai.turns = [adds, Says('{"total": 5}')]
    result = call(url, "ask", question="2 and 3?")
    assert result["structuredContent"] == {"total": 5}
    first, second = openai.requests
    assert [tool["function"]["name"] for tool in first["tools"]] == ["add"]
    assert "_mesh_endpoint" not in json.dumps(first)
    assert second["messages"][-1]["content"] == "5"

    openai.turns = [adds, adds, Says('{"total": 5}')]
    result = call(url, "cost", question="2 and 3?")
    assert result["structuredContent"] == {"result": "openai openai/gpt-4o 30+15"}

    openai.turns = [adds]
    result = call(url, "ask", question="2 and 3?")
    assert result["isError"]
    assert "after 2 of 2 iterations" in result["content"][0]["text"]

    openai.turns = [Says("Once upon a time.")]
    assert call(url, "tell")["structuredContent"] == {"result": "Once upon a time."}

    openai.turns = [Fails(401)]
    result = call(url, "ask", question="2 and 3?")
    assert "the LLM provider `think` of `thinker-" in result["content"][0]["text"]
    assert "check OPENAI_API_KEY where the provider runs" in result["content"][0]["text"]
