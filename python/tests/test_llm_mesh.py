"""LLM functions in a real mesh: a consumer, a provider and tools, that come and go."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import Agents, call, wait_for
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
