"""What the registry is told, field for field as published agents spell it, and who serves it."""

import json
import types
from dataclasses import replace
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from pydantic import BaseModel

import mesh
from mesh.calling.headers import HeaderRules
from mesh.declaring.catalogue import catalogue
from mesh.serving.helper_tools import add_helper_tools
from mesh.serving.payload import SchemaError, registration
from mesh.serving.servers import DuplicateToolError, adopt
from mesh.serving.settings import Address, resolve


async def payload(main: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The registration of an agent whose main module holds these names."""
    resolved = replace(resolve({}, catalogue.agent), agent_id="agent-1", **settings)
    _, served = await adopt("agent", catalogue, main, HeaderRules(()))
    tools = {name: (each, served[name].parameters) for name, each in catalogue.tools.items()}
    return registration(resolved, Address("127.0.0.1", 9123), tools)


async def test_a_consumer_registers_as_published_agents_do() -> None:
    app = FastMCP("consumer")

    @app.tool()
    @mesh.tool(
        capability="greet",
        dependencies=[
            "echo",
            {"capability": "weather", "tags": ["+x", ["a", "b"]], "version": ">=1.0.0"},
        ],
    )
    async def greet(
        name: str, echo: mesh.McpMeshTool = None, weather: mesh.McpMeshTool = None
    ) -> dict: ...

    @app.tool()
    @mesh.tool(capability="selfcall", dependencies=["greet"])
    async def selfcall(greet: mesh.McpMeshTool = None) -> dict: ...

    @mesh.agent(name="consumer")
    class Consumer: ...

    anything = {"additionalProperties": True, "type": "object"}
    any_hash = "sha256:a2c799262a3ce3c19ef5cdd983bf3d12b43ab3c426227091b909dcb7054738c0"
    lossy = ["stripped additionalProperties: true (lossy)"]
    expected = {
        "agent_id": "agent-1",
        "name": "consumer",
        "agent_type": "mcp_agent",
        "version": "1.0.0",
        "http_host": "127.0.0.1",
        "http_port": 9123,
        "namespace": "default",
        "status": "healthy",
        "runtime": "python",
        "tools": [
            {
                "function_name": "greet",
                "capability": "greet",
                "version": "1.0.0",
                "dependencies": [
                    {"capability": "echo"},
                    {"capability": "weather", "tags": ["+x", ["a", "b"]], "version": ">=1.0.0"},
                ],
                "inputSchema": {
                    "additionalProperties": False,
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                    "type": "object",
                },
                "outputSchema": anything,
                "inputSchemaCanonical": {
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                    "type": "object",
                },
                "inputSchemaHash": "sha256:098974972159a1c508b6fed6baed3bba04cd70d4ee9bbe30f926fb1db0188008",
                "outputSchemaCanonical": {"type": "object"},
                "outputSchemaHash": any_hash,
                "schemaWarnings": lossy,
                "kwargs": {"task": False, "resume_cursor": False, "function_name": "greet"},
            },
            {
                "function_name": "selfcall",
                "capability": "selfcall",
                "version": "1.0.0",
                "dependencies": [{"capability": "greet"}],
                "inputSchema": {"additionalProperties": False, "properties": {}, "type": "object"},
                "outputSchema": anything,
                "inputSchemaCanonical": {"properties": {}, "type": "object"},
                "inputSchemaHash": "sha256:efddc7bd8bbcef73a14eb1ace1ffdaec81e518ef1e13c1e9271d0b8acb694a49",
                "outputSchemaCanonical": {"type": "object"},
                "outputSchemaHash": any_hash,
                "schemaWarnings": lossy,
                "kwargs": {"task": False, "resume_cursor": False, "function_name": "selfcall"},
            },
        ],
        "a2a_producer": False,
        "a2a_consumer": False,
    }
    sent = await payload({"app": app})
    assert sent == expected
    assert json.dumps(sent) == json.dumps(expected), "the order of the fields is the same too"


async def test_a_provider_registers_as_published_agents_do() -> None:
    app = FastMCP("provider")

    class Weather(BaseModel):
        city: str
        temp: float

    @app.tool()
    @mesh.tool(
        capability="echo",
        tags=["fast", "v1"],
        version="1.2.0",
        description="echo back",
        team="blue",
    )
    async def echo(text: str, times: int = 1) -> str: ...

    @app.tool()
    @mesh.tool(capability="weather")
    def weather(city: str) -> Weather: ...

    @mesh.agent(name="provider", version="2.0.0", description="A provider")
    class Provider: ...

    sent = await payload({"app": app})
    assert {name: sent[name] for name in ("name", "version", "description")} == {
        "name": "provider",
        "version": "2.0.0",
        "description": "A provider",
    }
    assert sent["tools"] == [
        {
            "function_name": "echo",
            "capability": "echo",
            "version": "1.2.0",
            "tags": ["fast", "v1"],
            "description": "echo back",
            "inputSchema": {
                "additionalProperties": False,
                "properties": {
                    "text": {"type": "string"},
                    "times": {"default": 1, "type": "integer"},
                },
                "required": ["text"],
                "type": "object",
            },
            "outputSchema": {"type": "string"},
            "inputSchemaCanonical": {
                "properties": {"text": {"type": "string"}, "times": {"type": "integer"}},
                "required": ["text"],
                "type": "object",
            },
            "inputSchemaHash": "sha256:44df0d9ef1b2022e20dbd2756ebb4987ce70f72a98032935b2e29ac1b9a8d45b",
            "outputSchemaCanonical": {"type": "string"},
            "outputSchemaHash": "sha256:00404e686415370f1711c4d7acfa2905444d3cf23cef2e10c47d445ebe690f96",
            "kwargs": {
                "task": False,
                "resume_cursor": False,
                "team": "blue",
                "function_name": "echo",
            },
        },
        {
            "function_name": "weather",
            "capability": "weather",
            "version": "1.0.0",
            "inputSchema": {
                "additionalProperties": False,
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "type": "object",
            },
            "outputSchema": {
                "properties": {
                    "city": {"title": "City", "type": "string"},
                    "temp": {"title": "Temp", "type": "number"},
                },
                "required": ["city", "temp"],
                "title": "Weather",
                "type": "object",
            },
            "inputSchemaCanonical": {
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "type": "object",
            },
            "inputSchemaHash": "sha256:be45ab5b6d9f7d0b36dea2e7e355170888fb49d00124420f9e6f76c5d5620fc4",
            "outputSchemaCanonical": {
                "properties": {"city": {"type": "string"}, "temp": {"type": "number"}},
                "required": ["city", "temp"],
                "type": "object",
            },
            "outputSchemaHash": "sha256:5d39485b1eb26d356c4e5e94a8e693a7335b3ae69eca76ee624c7463a72b3e1f",
            "kwargs": {"task": False, "resume_cursor": False, "function_name": "weather"},
        },
    ]


async def test_dependencies_say_what_they_require_and_expect() -> None:
    @mesh.tool(
        "a",
        dependencies=[{"capability": "b", "required": True, "expected_type": {"type": "string"}}],
    )
    def ask(dep: mesh.McpMeshTool = None) -> None: ...

    (tool,) = (await payload({}))["tools"]
    assert tool["dependencies"] == [
        {
            "capability": "b",
            "expectedSchemaCanonical": {"type": "string"},
            "expectedSchemaHash": "sha256:00404e686415370f1711c4d7acfa2905444d3cf23cef2e10c47d445ebe690f96",
            "matchMode": "subset",
            "required": True,
        }
    ]
    assert "outputSchema" not in tool


async def test_a_tool_without_a_capability_is_a_consumer_only() -> None:
    @mesh.tool(dependencies=["b"])
    def ask(dep: mesh.McpMeshTool = None) -> str:
        """What it does.

        And how.
        """

    (tool,) = (await payload({}))["tools"]
    assert tool["capability"] == ""
    assert tool["dependencies"] == [{"capability": "b"}]
    assert tool["description"] == "What it does.\n\nAnd how."


def too_large() -> Any:
    return {"type": "object", "properties": {"x": {"$ref": "#/$defs/L60"}}} | {
        "$defs": {
            f"L{depth}": {"properties": {side: {"$ref": f"#/$defs/L{depth - 1}"} for side in "ab"}}
            for depth in range(1, 61)
        }
        | {"L0": {"type": "string"}}
    }


async def test_a_schema_without_canonical_form_warns_or_in_strict_mode_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mesh.serving import schemas

    monkeypatch.setattr(schemas, "of_type", lambda _annotation: too_large())

    @mesh.tool("a")
    def ask() -> str: ...

    (tool,) = (await payload({}))["tools"]
    assert "outputSchemaHash" not in tool
    assert any("its output schema" in warning for warning in tool["schemaWarnings"])
    with pytest.raises(SchemaError, match="tool `ask`: its output schema"):
        await payload({}, schema_strict=True)


async def call(server: FastMCP[Any], tool: str, /, **arguments: Any) -> Any:
    async with Client(server) as client:
        return (await client.call_tool(tool, arguments)).data


async def tool_names(server: FastMCP[Any]) -> set[str]:
    async with Client(server) as client:
        return {tool.name for tool in await client.list_tools()}


async def test_defect_11_both_decorator_orders_are_served_with_dependencies_hidden() -> None:
    app = FastMCP("x")

    @app.tool()
    @mesh.tool("one", dependencies=["dep"])
    async def inner(name: str, dep: mesh.McpMeshTool = None) -> str:
        return f"{name} {dep}"

    @mesh.tool("two", dependencies=["dep"])
    @app.tool(description="kept", tags={"kept"})
    async def outer(name: str, dep: mesh.McpMeshTool = None) -> str:
        return f"{name} {dep}"

    sent = await payload({"app": app})
    assert {each["function_name"] for each in sent["tools"]} == {"inner", "outer"}
    for each in sent["tools"]:
        assert list(each["inputSchema"]["properties"]) == ["name"]
    async with Client(app) as client:
        listed = {tool.name: tool for tool in await client.list_tools()}
    assert listed["outer"].description == "kept"
    for name in ("inner", "outer"):
        assert await call(app, name, name="x") == "x None"


async def test_defect_8_the_server_may_have_any_name_and_app_comes_first() -> None:
    @mesh.tool("one")
    def one() -> str:
        return "1"

    aside, main = FastMCP("aside"), FastMCP("main")
    only, _ = await adopt("agent", catalogue, {"whatever": aside}, HeaderRules(()))
    assert only is aside
    first, _ = await adopt("agent", catalogue, {"aside": aside, "app": main}, HeaderRules(()))
    assert first is main


async def test_defect_9_without_fastmcp_one_is_made() -> None:
    @mesh.tool("one", dependencies=["dep"])
    async def one(name: str, dep: mesh.McpMeshTool = None) -> str:
        return f"{name} {dep}"

    server, _ = await adopt("agent", catalogue, {}, HeaderRules(()))
    assert server.name == "agent"
    assert await tool_names(server) == {"one"}
    assert await call(server, "one", name="x") == "x None"


async def test_a_server_of_a_module_with_tools_is_found_and_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, other = FastMCP("main"), FastMCP("other")
    module = types.ModuleType("tools_of_mine")
    module.server = other  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "tools_of_mine", module)

    def elsewhere(name: str) -> str:
        return name

    elsewhere.__module__ = "tools_of_mine"
    other.tool(name="renamed")(mesh.tool("one")(elsewhere))

    sent = await payload({"app": app})
    assert [each["function_name"] for each in sent["tools"]] == ["renamed"]
    assert sent["tools"][0]["kwargs"]["function_name"] == "renamed"
    assert await call(app, "renamed", name="x") == "x"


async def test_a_name_that_fastmcp_has_given_away_is_refused() -> None:
    app = FastMCP("main")

    @app.tool(name="one")
    def plain() -> str: ...

    @mesh.tool("one")
    def one() -> str: ...

    with pytest.raises(DuplicateToolError, match=r"both the tool `one`: one is at .*py:\d+"):
        await adopt("agent", catalogue, {"app": app}, HeaderRules(()))


async def test_context_and_plain_tools_of_fastmcp_work_beside() -> None:
    from fastmcp import Context

    app = FastMCP("main")

    @app.tool()
    def plain(name: str) -> str:
        return f"plain {name}"

    @app.tool()
    @mesh.tool("one", dependencies=["dep"])
    async def one(name: str, ctx: Context, dep: mesh.McpMeshTool = None) -> str:
        await ctx.report_progress(1)
        return f"{name} {dep}"

    await payload({"app": app})
    assert await call(app, "one", name="x") == "x None"
    assert await call(app, "plain", name="x") == "plain x"


async def test_defect_18_what_earlier_releases_put_between_the_arguments_is_taken_out() -> None:
    from mesh.calling.headers import inbound

    app = FastMCP("main")
    seen: list[Any] = []

    @app.tool()
    @mesh.tool("one")
    async def one(name: str) -> str:
        seen.append(inbound.get())
        return name

    await adopt("agent", catalogue, {"app": app}, HeaderRules(("x-tenant",)))
    arguments = {
        "name": "x",
        "_trace_id": "t",
        "_parent_span": "s",
        "_mesh_headers": {"X-Tenant": "blue", "x-mesh-timeout": "7", "other": "dropped"},
    }
    assert await call(app, "one", **arguments) == "x"
    assert (seen[0].headers, seen[0].timeout) == ({"x-tenant": "blue"}, 7.0)


async def test_required_and_missing_reaches_the_client_as_the_published_body() -> None:
    app = FastMCP("main")

    @app.tool()
    @mesh.tool("one", dependencies=[{"capability": "dep", "required": True}])
    async def one(dep: mesh.McpMeshTool = None) -> str: ...

    async with Client(app) as client:
        outcome = await client.call_tool("one", {}, raise_on_error=False)
    assert outcome.is_error
    assert outcome.content[0].text == '{"error":"dependency_unavailable","capability":"dep"}'


async def test_defect_27_the_helper_tools_are_described() -> None:
    server = FastMCP("agent")
    helpers = add_helper_tools(server)
    settings = replace(resolve({}, None), agent_id="agent-1")
    sent = registration(settings, Address("127.0.0.1", 9123), {}, helpers)["tools"]
    assert [each["function_name"] for each in sent] == [
        "__mesh_job_status",
        "__mesh_job_result",
        "__mesh_job_cancel",
    ]
    job_id = {"type": "string"}
    form = {"properties": {"jobId": job_id}, "required": ["jobId"], "type": "object"}
    digest = sent[0]["inputSchemaHash"]
    assert sent[0] == {
        "function_name": "__mesh_job_status",
        "capability": "__mesh_job_status",
        "version": "1.0.0",
        "tags": ["mesh-jobs", "framework"],
        "description": sent[0]["description"],
        "inputSchema": {
            "additionalProperties": False,
            "properties": {"job_id": job_id},
            "required": ["job_id"],
            "type": "object",
        },
        "outputSchema": {"additionalProperties": True, "type": "object"},
        "inputSchemaCanonical": form,
        "inputSchemaHash": digest,
        "outputSchemaCanonical": {"type": "object"},
        "outputSchemaHash": "sha256:a2c799262a3ce3c19ef5cdd983bf3d12b43ab3c426227091b909dcb7054738c0",
        "schemaWarnings": ["stripped additionalProperties: true (lossy)"],
        "kwargs": {"function_name": "__mesh_job_status", "framework_internal": True},
    }
    assert list(sent[2]["inputSchema"]["properties"]) == ["job_id", "reason"]
    tools = await server.list_tools()
    assert [each.name for each in tools] == [each["function_name"] for each in sent]
