"""Consumers of either package ask providers of either; the vendor is a server of the test."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_vendors import seen
from llm_vendors.openai_server import OpenAiServer
from llm_vendors.vendor_server import Says
from mesh_harness import (
    OUR_REGISTRY,
    OUR_VENV,
    UPSTREAM_REGISTRY,
    UPSTREAM_VENV,
    Mesh,
    call,
    structured,
    wait_for,
)
from plain_http import HTTP

ASKER = "interop-llm-asker"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAiServer]:
    vendor = OpenAiServer(Says("hello"))
    for variable, value in vendor.settings().items():
        monkeypatch.setenv(variable, value)
    yield vendor
    vendor.close()


@pytest.mark.parametrize(
    ("asker", "thinker", "registry"),
    [
        pytest.param(UPSTREAM_VENV, OUR_VENV, OUR_REGISTRY, id="its-asker"),
        pytest.param(UPSTREAM_VENV, OUR_VENV, UPSTREAM_REGISTRY, id="its-asker-and-registry"),
        pytest.param(OUR_VENV, UPSTREAM_VENV, OUR_REGISTRY, id="its-thinker"),
        pytest.param(OUR_VENV, OUR_VENV, OUR_REGISTRY, id="ours"),
    ],
)
def test_they_understand_each_other(
    mesh: Mesh, vendor: OpenAiServer, asker: Path, thinker: Path, registry: Path
) -> None:
    mesh.start_registry(registry)
    mesh.start_agent("provider.py", OUR_VENV)
    mesh.wait_for_agent("interop-provider")
    mesh.start_agent("llm_thinker.py", thinker)
    mesh.wait_for_agent("interop-llm-thinker")
    mesh.start_agent("llm_asker.py", asker)
    endpoint = mesh.wait_for_agent(ASKER)["endpoint"]

    # The registry may wire the provider and the tools one after the other.
    def is_wired() -> bool:
        vendor.turns = [Says("hello")]
        answer = call(endpoint, "in_words", {"question": "hi"})
        return answer == {"result": "hello"} and seen.tools(vendor.requests[-1]) == ["add"]

    wait_for("the model, and its tool", is_wired)

    vendor.requests.clear()
    vendor.turns = [Says("Let me see.", [("add", {"a": 2, "b": 3})]), Says("It is five.")]
    assert call(endpoint, "in_words", {"question": "2 and 3?"}) == {"result": "It is five."}
    first, second = vendor.requests
    assert seen.system(first).startswith("Add.")
    assert first["temperature"] == 0.5
    assert first["messages"][-1] == {"role": "user", "content": "2 and 3?"}
    ((found, is_error),) = seen.results(second)
    assert (json.loads(found), is_error) == ({"sum": 5}, False)

    vendor.turns = [Says('{"total": 5}')]
    assert call(endpoint, "in_numbers", {"question": "2 and 3?"}) == {"total": 5}
    held = seen.schema(vendor.requests[-1])
    assert held is not None
    assert held["required"] == ["total"]

    vendor.turns = [Says("Once more.", [("add", {"a": 2, "b": 3})])]
    assert call(endpoint, "for_ever", {"question": "2 and 3?"}) == {"result": "gave up after 2"}

    vendor.turns = [Says("Wait. ", [("add", {"a": 2, "b": 3})]), Says("It is five.")]
    pieces, whole = listen(endpoint, "in_pieces", {"question": "2 and 3?"})
    assert len(pieces) > 2
    assert len(pieces) > 2
    assert "".join(pieces) == whole
    assert whole.split() == ["Wait.", "It", "is", "five."]


def listen(endpoint: str, tool: str, arguments: dict[str, str]) -> tuple[list[str], str]:
    """Calls a tool that streams: its progress messages, and its result."""
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "t"}}
    response = HTTP.post(
        f"{endpoint}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={"Accept": "application/json, text/event-stream"},
        timeout=30,
    )
    pieces: list[str] = []
    whole = ""
    for line in response.text.splitlines():
        message = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
        if message.get("method") == "notifications/progress":
            pieces.append(message["params"]["message"])
        elif "result" in message:
            result = structured(message["result"])
            whole = result["result"] if isinstance(result, dict) else result
    return pieces, whole
