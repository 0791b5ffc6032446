"""`@mesh.llm_provider`: what is declared, served and registered, and what stops the start."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from agent_process import Agents, call, free_port, get, wait_for
from fake_mesh import FakeRegistry
from fastmcp import FastMCP
from llm_vendors.openai_server import OpenAiServer
from llm_vendors.vendor_server import Says

import mesh
from mesh.calling.headers import HeaderRules
from mesh.declaring.catalogue import Catalogue
from mesh.serving.servers import adopt

PROVIDER = """
    from fastmcp import FastMCP
    import mesh

    app = FastMCP("thinker")

    @mesh.llm_provider(
        model="{model}", capability="llm", tags=["cheap"], version="1.2.0", temperature=0.5
    )
    def think():
        '''Thinks about it.'''

    @mesh.agent(name="thinker", http_port={port})
    class Thinker: ...
"""


@pytest.fixture
def agents(tmp_path: Any, registry: FakeRegistry, closing: ExitStack) -> Agents:
    agents = Agents(tmp_path, registry.url)
    closing.callback(agents.close)
    return agents


@pytest.fixture
def vendor(closing: ExitStack, monkeypatch: pytest.MonkeyPatch) -> OpenAiServer:
    vendor = OpenAiServer(Says("hello", tokens=(7, 3)))
    closing.callback(vendor.close)
    for variable, value in vendor.settings().items():
        monkeypatch.setenv(variable, value)
    return vendor


def test_an_agent_with_nothing_but_a_provider_thinks(
    agents: Agents, registry: FakeRegistry, vendor: OpenAiServer
) -> None:
    port = free_port()
    agent = agents.start(PROVIDER.format(model="openai/gpt-4o", port=port))
    url = f"http://127.0.0.1:{port}"
    wait_for("the agent", lambda: get(f"{url}/ready")[0] == 200)
    registered = {tool["function_name"]: tool for tool in registry.registrations[0]["tools"]}
    whole, stream = registered["think"], registered["think_stream"]
    assert (whole["capability"], whole["version"], whole["description"]) == (
        "llm",
        "1.2.0",
        "Thinks about it.",
    )
    assert (whole["tags"], stream["tags"]) == (["cheap"], ["cheap", "ai.mcpmesh.stream"])
    assert whole["kwargs"] == {
        "task": False,
        "resume_cursor": False,
        "vendor": "openai",
        "function_name": "think",
    }
    assert stream["kwargs"] == {
        "task": False,
        "resume_cursor": False,
        "vendor": "openai",
        "stream_type": "text",
        "function_name": "think_stream",
    }
    assert list(whole["inputSchema"]["properties"]) == ["request"]

    request = {"messages": [{"role": "user", "content": "hi"}], "request_id": None, "new": 1}
    answer = call(url, "think", request=request)
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "model": "openai/gpt-4o"}
    assert answer["structuredContent"] == {
        "role": "assistant",
        "content": "hello",
        "_mesh_usage": usage,
    }
    assert json.loads(answer["content"][0]["text"]) == answer["structuredContent"]
    assert vendor.requests[0]["temperature"] == 0.5
    frames = call(url, "think_stream", request=request)["content"][0]["text"]
    assert frames.startswith('{"_mesh_frame": "chunk", "content": "hell"}')
    assert agent.stop() == 0
    assert "Traceback" not in agent.errors()


def test_a_request_that_makes_no_sense_is_refused_in_one_sentence(
    agents: Agents, vendor: OpenAiServer
) -> None:
    port = free_port()
    agents.start(PROVIDER.format(model="openai/gpt-4o", port=port))
    url = f"http://127.0.0.1:{port}"
    wait_for("the agent", lambda: get(f"{url}/ready")[0] == 200)
    answer = call(url, "think", request={"messages": [{"role": "robot", "content": "hi"}]})
    assert answer["isError"]
    assert answer["content"][0]["text"] == (
        "the request cannot be understood: messages[0]: role must be system, user, assistant or "
        "tool: 'robot'"
    )
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("anthropic/claude-test-9", "ANTHROPIC_API_KEY"),
        ("gemini/gemini-3-pro", "GOOGLE_API_KEY"),
        ("openai/gpt-4o", "OPENAI_API_KEY"),
    ],
)
def test_a_key_that_is_missing_fails_the_call_and_names_the_variable(
    agents: Agents, monkeypatch: pytest.MonkeyPatch, model: str, variable: str
) -> None:
    for name in ("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    port = free_port()
    agents.start(PROVIDER.format(model=model, port=port))
    url = f"http://127.0.0.1:{port}"
    wait_for("the agent", lambda: get(f"{url}/ready")[0] == 200)
    answer = call(url, "think", request={"messages": [{"role": "user", "content": "hi"}]})
    assert answer["isError"]
    assert variable in answer["content"][0]["text"]


@pytest.mark.parametrize(
    ("model", "extra"), [("vertex_ai/claude-9", "anthropic,vertex"), ("mistral/large", "litellm")]
)
def test_a_missing_sdk_stops_the_start_with_one_line(
    agents: Agents, registry: FakeRegistry, model: str, extra: str
) -> None:
    # As if they were not installed.
    absent = '    import sys; sys.modules["litellm"] = sys.modules["anthropic"] = None\n'
    agent = agents.start(absent + PROVIDER.format(model=model, port=0))
    assert agent.end() == 1
    (line,) = agent.errors().splitlines()
    assert line.startswith(f"mesh: the model {model} needs the package ")
    assert line.endswith(f"which is not installed: pip install 'mcp-mesh[{extra}]'")
    assert registry.registrations == []


def under() -> FastMCP[Any]:
    app: FastMCP[Any] = FastMCP("x")

    @mesh.llm_provider("openai/gpt-4o")
    @app.tool()
    def think() -> None:
        """Thinks."""

    return app


def above() -> FastMCP[Any]:
    app: FastMCP[Any] = FastMCP("x")

    @app.tool()
    @mesh.llm_provider("openai/gpt-4o")
    def think() -> None:
        """Thinks."""

    return app


def alone() -> FastMCP[Any]:
    app: FastMCP[Any] = FastMCP("x")

    @mesh.llm_provider("openai/gpt-4o")
    async def think() -> None:
        """Thinks."""

    return app


@pytest.mark.parametrize("declare", [under, above, alone])
async def test_it_stands_above_or_below_or_without_app_tool(
    declare: Callable[[], FastMCP[Any]], empty_catalogue: Catalogue, vendor: OpenAiServer
) -> None:
    app = declare()
    server, served = await adopt("x", empty_catalogue, {"app": app}, HeaderRules(()))
    assert server is app
    assert sorted(served) == ["think", "think_stream"]
    assert sorted(tool.name for tool in await app.list_tools()) == ["think", "think_stream"]
    request = {"messages": [{"role": "user", "content": "hi"}]}
    result = await app.call_tool("think", {"request": request})
    assert result.structured_content is not None
    assert result.structured_content["content"] == "hello"


def test_two_providers_are_two_tools_each() -> None:
    @mesh.llm_provider("openai/gpt-4o", capability="llm")
    def quick() -> None: ...

    @mesh.llm_provider("anthropic/claude-9", capability="llm", tags=["deep"])
    def deep() -> None: ...

    from mesh.declaring.catalogue import catalogue

    vendors = {name: tool.kwargs["vendor"] for name, tool in catalogue.tools.items()}
    assert vendors == {
        "quick": "openai",
        "quick_stream": "openai",
        "deep": "anthropic",
        "deep_stream": "anthropic",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "model must be a non-empty string, got ''"),
        ({"model": None}, "model must be a non-empty string, got None"),
        ({"model": "a/b", "capability": 7}, "capability must be a non-empty string, got 7"),
        ({"model": "a/b", "tags": "x"}, "tags must be a list of strings, got 'x'"),
        ({"model": "a/b", "version": ""}, "version must be a non-empty string, got ''"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        mesh.llm_provider(**arguments)


def test_a_bare_decorator_is_told_what_is_missing() -> None:
    with pytest.raises(ValueError, match="takes a model"):

        @mesh.llm_provider  # type: ignore[arg-type]
        def think() -> None: ...


def test_only_functions_think() -> None:
    with pytest.raises(ValueError, match="decorates functions"):

        @mesh.llm_provider("openai/gpt-4o")
        class Think: ...
