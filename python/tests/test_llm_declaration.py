"""`@mesh.llm`: what it checks, what it registers, and in which orders it is written."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from fastmcp import FastMCP
from pydantic import BaseModel

import mesh
from mesh.asking.functions import check_functions
from mesh.asking.overrides import LlmOverrides
from mesh.calling.headers import HeaderRules
from mesh.declaring.catalogue import catalogue
from mesh.serving.payload import registration
from mesh.serving.servers import adopt
from mesh.serving.settings import Address, resolve

PROVIDER = {"capability": "llm"}


class Answer(BaseModel):
    answer: str


async def registered(overrides: LlmOverrides | None = None, **main: Any) -> dict[str, Any]:
    """What the declared tools would register as."""
    settings = replace(resolve({}, None), llm=overrides or LlmOverrides())
    _, served = await adopt("agent", catalogue, main, HeaderRules(()))
    tools = {name: (each, served[name].parameters) for name, each in catalogue.tools.items()}
    return registration(settings, Address("127.0.0.1", 9150), tools)


def llm_fields(tool: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tool.items() if name.startswith("llm_")}


async def test_a_consumer_registers_as_published_agents_do() -> None:
    @mesh.llm(
        filter={"capability": "echo"},
        provider={"capability": "llm", "tags": ["+claude"]},
        max_iterations=4,
    )
    @mesh.tool("chat")
    async def chat(text: str, context: dict[str, Any], llm: mesh.MeshLlmAgent = None) -> Answer:
        return await llm(text)

    @mesh.llm(provider={"capability": "llm"})
    @mesh.tool("chats")
    async def chats(text: str, llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
        async for piece in llm.stream(text):
            yield piece

    payload = await registered()
    first, second = payload["tools"]
    assert list(first["inputSchema"]["properties"]) == ["text", "context"]
    assert llm_fields(first) == {
        "llm_filter": {"filter": [{"capability": "echo"}], "filter_mode": "all"},
        "llm_provider": {
            "capability": "llm",
            "tags": ["+claude", "-ai.mcpmesh.stream"],
            "version": "",
            "namespace": "default",
        },
    }
    assert first["kwargs"] == {"task": False, "resume_cursor": False, "function_name": "chat"}
    assert llm_fields(second) == {
        "llm_provider": {
            "capability": "llm",
            "tags": ["ai.mcpmesh.stream"],
            "version": "",
            "namespace": "default",
        },
    }
    assert second["kwargs"]["stream_type"] == "text"

    agents = payload["llm_agents"]
    marks = [agent.pop("function_id") for agent in agents]
    assert [(mark[:-8], len(mark)) for mark in marks] == [("chat_", 13), ("chats_", 14)]
    assert agents == [
        {
            "provider": {"capability": "llm", "tags": ["+claude", "-ai.mcpmesh.stream"]},
            "filter": {"capability": "echo"},
            "filter_mode": "all",
            "max_iterations": 4,
        },
        {
            "provider": {"capability": "llm", "tags": ["ai.mcpmesh.stream"]},
            "filter_mode": "all",
            "max_iterations": 10,
        },
    ]


async def test_agents_that_ask_nobody_do_not_speak_of_it() -> None:
    @mesh.tool("plain")
    async def plain() -> None: ...

    payload = await registered()
    assert "llm_agents" not in payload
    assert llm_fields(payload["tools"][0]) == {}


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("echo", ["echo"]),
        (["*"], ["*"]),
        (["echo", {"tags": ["+a", ["b", "c"]]}], ["echo", {"tags": ["+a", ["b", "c"]]}]),
        ([], []),
    ],
)
async def test_filters_are_lists_on_the_wire(wanted: Any, sent: Any) -> None:
    @mesh.llm(wanted, provider=PROVIDER, filter_mode="best_match")
    @mesh.tool("chat")
    async def chat(llm: mesh.MeshLlmAgent = None) -> str: ...

    payload = await registered()
    assert payload["tools"][0]["llm_filter"] == {"filter": sent, "filter_mode": "best_match"}


async def test_the_environment_wins() -> None:
    @mesh.llm(provider=PROVIDER, max_iterations=3)
    @mesh.tool("chat")
    async def chat(llm: mesh.MeshLlmAgent = None) -> str: ...

    payload = await registered(LlmOverrides(max_iterations=7, filter_mode="*"))
    # All tools, although the decorator asks for none.
    assert payload["tools"][0]["llm_filter"] == {"filter": [], "filter_mode": "*"}
    agent = payload["llm_agents"][0]
    assert (agent["max_iterations"], agent["filter_mode"]) == (7, "*")


def written_1(app: FastMCP[Any]) -> None:
    @app.tool()
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("chat")
    async def chat(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...


def written_2(app: FastMCP[Any]) -> None:
    @app.tool()
    @mesh.tool("chat")
    @mesh.llm(provider=PROVIDER)
    async def chat(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...


def written_3(app: FastMCP[Any]) -> None:
    @mesh.llm(provider=PROVIDER)
    @app.tool()
    @mesh.tool("chat")
    async def chat(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...


def written_4(app: FastMCP[Any]) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("chat")
    @app.tool()
    async def chat(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...


def written_5(app: FastMCP[Any]) -> None:
    @mesh.tool("chat")
    @mesh.llm(provider=PROVIDER)
    @app.tool()
    async def chat(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...


def written_6(app: FastMCP[Any]) -> None:
    @mesh.tool("chat")
    @app.tool()
    @mesh.llm(provider=PROVIDER)
    async def chat(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...


@pytest.mark.parametrize(
    "written", [written_1, written_2, written_3, written_4, written_5, written_6]
)
async def test_the_decorators_stand_in_any_order(written: Any) -> None:
    app: FastMCP[Any] = FastMCP("any-order")
    written(app)
    payload = await registered(app=app)
    assert [tool["function_name"] for tool in payload["tools"]] == ["chat"]
    assert list(payload["tools"][0]["inputSchema"]["properties"]) == ["text"]
    assert payload["tools"][0]["llm_provider"]["capability"] == "llm"
    (tool,) = await app.list_tools(run_middleware=False)
    assert list(tool.parameters["properties"]) == ["text"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filter": 3}, "filter must be a capability's name, a selector such as"),
        ({"filter": [""]}, r"filter\[0\] must be a capability's name"),
        ({"filter": {"capability": 3}}, r"filter\['capability'\] must be a string, got 3"),
        ({"filter": {"tags": "pdf"}}, "filter: tags must be a list of strings, got 'pdf'"),
        ({"filter_mode": "some"}, r"filter_mode must be one of 'all', 'best_match', '\*', got"),
        ({"model": 3}, "model must be a string, got 3"),
        ({"max_iterations": 0}, "max_iterations must be a whole number of at least 1, got 0"),
        ({"system_prompt": 3}, "system_prompt must be a string, got 3"),
        ({"system_prompt": "a", "system_prompt_file": "b"}, "leave out system_prompt_file"),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls must be a bool, got 'yes'"),
        ({"output_mode": "loose"}, "output_mode must be one of 'strict', 'hint', 'text', got"),
        ({"temperature": object()}, "temperature must be what JSON can express"),
        ({"provider": {"tags": ["a"]}}, r"provider\['capability'\] must be a non-empty string"),
        ({"provider": {"capability": "llm", "tags": "a"}}, "provider: tags must be a list"),
        ({"provider": {"capability": "llm", "version": 1}}, r"provider\['version'\] must be a str"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^@mesh\.llm at .*py:\d+: .*{message}"):
        mesh.llm(**{"provider": PROVIDER, **arguments})


@pytest.mark.parametrize("provider", ["claude", None, ["llm"]])
def test_a_provider_is_a_selector(provider: Any) -> None:
    with pytest.raises(TypeError, match=r'provider must be a dictionary such as \{"capability"'):
        mesh.llm(provider=provider)
    with pytest.raises(TypeError, match="provider"):
        mesh.llm("echo")  # type: ignore[call-arg]


def test_what_is_decorated_is_checked() -> None:
    with pytest.raises(ValueError, match="`chat` has no parameter for the LLM; give it one such"):

        @mesh.llm(provider=PROVIDER)
        async def chat(text: str) -> str: ...

    with pytest.raises(ValueError, match="is 'where', and `talk` has no such parameter; it has te"):

        @mesh.llm(provider=PROVIDER, context_param="where")
        async def talk(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...

    with pytest.raises(ValueError, match=r"@mesh\.llm at .*py:\d+: decorates functions"):

        @mesh.llm(provider=PROVIDER)
        class Chat: ...


def test_annotations_are_recognised_in_every_form() -> None:
    @mesh.tool("chat")
    @mesh.llm(provider=PROVIDER)
    async def chat(
        a: mesh.MeshLlmAgent | None,
        b: "mesh.MeshLlmAgent",
        c: "mesh.MeshLlmAgent | Unknown" = None,  # type: ignore[name-defined]  # noqa: F821
        d: int = 0,
    ) -> str: ...

    declaration = catalogue.tools["chat"]
    assert [each.name for each in declaration.signature.extras] == ["a", "b"]
    assert list(declaration.signature.visible.parameters) == ["c", "d"]


def test_a_parameter_for_an_llm_without_the_decorator_is_noticed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @mesh.tool("chat")
    async def chat(llm: mesh.MeshLlmAgent | None = None) -> bool:
        return llm is None

    check_functions(catalogue.tools.values())
    assert caplog.messages == ["`llm` of tool `chat` stays None: the tool is not under @mesh.llm"]


def test_decorating_loads_neither_pydantic_nor_jinja() -> None:
    program = """
import sys, mesh

@mesh.llm(provider={"capability": "llm"}, system_prompt="file://x.j2", filter="echo")
@mesh.tool("chat")
async def chat(text: str, llm: mesh.MeshLlmAgent = None) -> str: ...

print([name for name in ("pydantic", "jinja2", "fastmcp") if name in sys.modules])
import os; os._exit(0 if sys.stdout.flush() is None else 1)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
