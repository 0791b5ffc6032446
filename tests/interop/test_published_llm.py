"""LLM functions, providers and tools of the published package and of ours, in one mesh."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from mesh_harness import (
    OUR_REGISTRY,
    OUR_VENV,
    UPSTREAM_REGISTRY,
    UPSTREAM_VENV,
    Mesh,
    call,
    wait_for,
)
from plain_http import HTTP


def thought(tools: list[str], total: str | None) -> dict[str, str]:
    """What the LLM function answers when its provider was handed `tools`."""
    return {"result": json.dumps({"asked": "2 and 3?", "tools": tools, "sum": total})}


def resolutions(mesh: Mesh) -> tuple[list[Any], list[Any]]:
    """The tools and the providers that the registry lists for the consumer's function."""
    listed = HTTP.get(f"{mesh.url}/agents", timeout=5).json()["agents"]
    consumer = next(agent for agent in listed if agent["name"] == "interop-llm-consumer")
    tools = [row.get("mcp_tool") for row in consumer["llm_tool_resolutions"]]
    return tools, [row.get("mcp_tool") for row in consumer["llm_provider_resolutions"]]


def told(mesh: Mesh) -> object:
    """The text that the LLM function streams. Published agents do not give it as a structure."""
    consumer = mesh.agent("interop-llm-consumer")
    answer = consumer and call(consumer["endpoint"], "tell", {"question": "2 and 3?"})
    return answer.get("result") if isinstance(answer, dict) else answer


@pytest.mark.parametrize(
    ("registry", "consumer", "provider"),
    [
        pytest.param(OUR_REGISTRY, UPSTREAM_VENV, UPSTREAM_VENV, id="its-agents-our-registry"),
        pytest.param(UPSTREAM_REGISTRY, UPSTREAM_VENV, UPSTREAM_VENV, id="all-its-own"),
        pytest.param(OUR_REGISTRY, OUR_VENV, UPSTREAM_VENV, id="our-consumer-its-provider"),
        pytest.param(OUR_REGISTRY, UPSTREAM_VENV, OUR_VENV, id="its-consumer-our-provider"),
        pytest.param(UPSTREAM_REGISTRY, OUR_VENV, OUR_VENV, id="our-agents-its-registry"),
    ],
)
def test_an_llm_function_thinks_with_tools_that_come_and_go(
    mesh: Mesh, registry: Path, consumer: Path, provider: Path
) -> None:
    mesh.start_registry(registry)
    mesh.start_agent("llm_consumer.py", consumer)
    mesh.wait_for_agent("interop-llm-consumer")
    mesh.start_agent("llm_provider.py", provider)
    mesh.wait_for_answer("interop-llm-consumer", "ask", thought([], None), question="2 and 3?")
    wait_for("the stream", lambda: told(mesh) == "<2><and><3?>")

    adder = mesh.start_agent("provider.py", provider)
    with_tool = thought(["add"], '{"sum":5}')
    mesh.wait_for_answer("interop-llm-consumer", "ask", with_tool, question="2 and 3?")
    assert resolutions(mesh) == (["add"], ["think", "think_stream"])

    # Without a farewell: only silence tells.
    adder.stop(signal.SIGKILL)
    mesh.wait_for_answer("interop-llm-consumer", "ask", thought([], None), question="2 and 3?")
    wait_for(
        "the listing to forget the tool",
        lambda: resolutions(mesh) == ([None], ["think", "think_stream"]),
    )
