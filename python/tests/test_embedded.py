"""Agents that are registered by a program which runs its own server, or none."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, free_port, wait_for
from fake_mesh import FakeRegistry
from plain_http import HTTP

import mesh

EMBEDDED = """
    import mesh
    from fastmcp import FastMCP

    app = FastMCP("embedded")

    @app.tool()
    @mesh.tool("echo", dependencies=["other"])
    async def echo(text: str, other: mesh.McpMeshTool = None) -> str:
        return text

    @mesh.agent(name="embedded", auto_run=False)
    class Embedded: ...
"""

SERVED = (
    EMBEDDED
    + """
    import uvicorn
    from fastapi import FastAPI

    tools = app.http_app(stateless_http=True)
    web = FastAPI(lifespan=tools.lifespan)
    web.mount("/", tools)

    if __name__ == "__main__":
        uvicorn.run(web, host="127.0.0.1", port=0, log_level="warning")
"""
)


@pytest.fixture
def agents(tmp_path: Path, registry: FakeRegistry) -> Iterator[Agents]:
    agents = Agents(tmp_path, registry.url)
    yield agents
    agents.close()


def registered(registry: FakeRegistry, agent: AgentProcess) -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        assert agent.process.poll() is None, agent.errors()
        return registry.registrations

    return wait_for("a registration", look)[0]


UVICORN = ["-m", "uvicorn", "agent:web", "--host", "127.0.0.1", "--log-level", "warning"]


@pytest.mark.parametrize("arguments", [None, [*UVICORN, "--port", "0"]])
def test_it_comes_and_goes_with_the_programs_server(
    agents: Agents, registry: FakeRegistry, arguments: list[str] | None
) -> None:
    # The server is what it starts with, however long the program takes until then.
    agent = agents.start(SERVED, arguments=arguments, settle_timeout="0", debounce_delay="60")
    registration = registered(registry, agent)
    assert (registration["name"], registration["agent_type"]) == ("embedded", "mcp_agent")
    url = f"http://127.0.0.1:{registration['http_port']}"
    assert call(url, "echo", text="x")["structuredContent"] == {"result": "x"}
    agent.stop()
    assert registry.log[-1] == f"DELETE /agents/{registration['agent_id']}"
    assert "Traceback" not in agent.errors()
    assert len(registry.registrations) == 1


CHECKED = SERVED.replace(
    "auto_run=False",
    'auto_run=False, startup_check=lambda: os.path.exists("started"), '
    'health_check=lambda: {"status": "degraded", "errors": ["so-so"]}',
).replace("import mesh\n", "import os\n    import mesh\n", 1)


def test_the_programs_server_answers_the_agents_probes(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(CHECKED, settle_timeout="0", debounce_delay="60")
    registration = registered(registry, agent)
    url = f"http://127.0.0.1:{registration['http_port']}"
    started = HTTP.get(f"{url}/startupz")
    assert started.status_code == 503
    assert started.json()["reason"] == "startup_check has not passed"
    # Nobody else asks that check.
    assert HTTP.get(f"{url}/ready").json()["runtime"] == "up"
    assert HTTP.head(f"{url}/livez").status_code == 200
    health = HTTP.get(f"{url}/health")
    assert (health.status_code, health.json()["errors"]) == (503, ["so-so"])
    metadata = HTTP.get(f"{url}/metadata").json()
    assert (metadata["agent_id"], metadata["name"]) == (registration["agent_id"], "embedded")
    (agents.folder / "started").touch()
    assert HTTP.get(f"{url}/startupz").json()["started"] is True


def test_the_programs_own_probes_are_not_hidden(agents: Agents, registry: FakeRegistry) -> None:
    own = """
    @web.get("/health")
    def health() -> str:
        return "mine"

    web.mount("/", tools)
"""
    script = SERVED.replace('\n    web.mount("/", tools)\n', own)
    agent = agents.start(script, debounce_delay="60")
    url = f"http://127.0.0.1:{registered(registry, agent)['http_port']}"
    assert HTTP.get(f"{url}/health").json() == "mine"
    assert HTTP.get(f"{url}/startupz").json()["started"] is True


def test_probes_of_an_agent_that_cannot_start_say_why(
    agents: Agents, registry: FakeRegistry
) -> None:
    # The settings of the server are good; what the tool declares is not.
    wrong = SERVED.replace(
        '@mesh.tool("echo", dependencies=["other"])',
        '@mesh.tool("echo", dependencies=["other"])\n    @mesh.llm('
        'provider={"capability": "llm"}, system_prompt="file://none.jinja2")',
    ).replace(
        "other: mesh.McpMeshTool = None)",
        "other: mesh.McpMeshTool = None, llm: mesh.MeshLlmAgent = None)",
    )
    port = free_port()
    agent = agents.start(wrong.replace("port=0", f"port={port}"))
    wait_for("the reason", lambda: "none.jinja2" in agent.errors())
    ready = HTTP.get(f"http://127.0.0.1:{port}/ready")
    assert ready.status_code == 503
    assert "none.jinja2" in ready.json()["reason"]
    assert HTTP.get(f"http://127.0.0.1:{port}/livez").status_code == 200


def test_a_server_of_fastmcps_own(agents: Agents, registry: FakeRegistry) -> None:
    port = free_port()
    run = f'\n    app.run(transport="http", host="127.0.0.1", port={port}, show_banner=False)\n'
    agent = agents.start(EMBEDDED + run, settle_timeout="0", debounce_delay="60")
    assert registered(registry, agent)["http_port"] == port


def test_the_port_of_the_decorator_wins(agents: Agents, registry: FakeRegistry) -> None:
    script = SERVED.replace("auto_run=False", "auto_run=False, http_port=9123")
    agent = agents.start(script)
    assert registered(registry, agent)["http_port"] == 9123


def test_a_program_without_a_server_uses_the_mesh_as_well(
    agents: Agents, registry: FakeRegistry
) -> None:
    script = (
        EMBEDDED
        + """
    import time

    before = mesh.startup_status()["state"]
    while (status := mesh.startup_status())["state"] == "pending":
        time.sleep(0.01)
    print(before, status)
"""
    )
    agent = agents.start(script)
    assert agent.end(60) == 0, agent.errors()
    ready = {
        "state": "ready",
        "pipeline_type": "mcp",
        "error": None,
        "heartbeat": True,
        "warnings": [],
    }
    assert agent.output() == f"pending {ready}\n"
    assert registry.log[-1].startswith("DELETE /agents/embedded-")
    assert "Traceback" not in agent.errors()


def test_a_program_that_declares_and_goes_on_is_registered(
    agents: Agents, registry: FakeRegistry
) -> None:
    script = EMBEDDED + "\n    import time\n    time.sleep(60)\n"
    agent = agents.start(script, debounce_delay="0.2")
    assert registered(registry, agent)["tools"][0]["function_name"] == "echo"


def test_a_registry_that_is_down_is_a_warning(agents: Agents) -> None:
    script = (
        EMBEDDED
        + """
    import time

    while (status := mesh.startup_status())["state"] == "pending":
        time.sleep(0.01)
    print(status["state"], status["heartbeat"], status["warnings"])
"""
    )
    agent = agents.start(script, registry_url="http://127.0.0.1:9")
    assert agent.end() == 0, agent.errors()
    assert agent.output().startswith("ready False ['registry: reconnecting: ")


def test_what_is_wrong_is_told_and_ends_nothing(agents: Agents, registry: FakeRegistry) -> None:
    script = (
        EMBEDDED
        + """
    import time

    while (status := mesh.startup_status())["state"] == "pending":
        time.sleep(0.01)
    print(status["state"], status["error"])
"""
    )
    agent = agents.start(script, call_timeout="long")
    assert agent.end() == 0
    assert agent.output().startswith("failed MCP_MESH_CALL_TIMEOUT is 'long'")
    assert registry.log == []


def test_a_server_does_not_start_with_settings_that_cannot_be_read(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(SERVED, call_timeout="long")
    assert agent.end() != 0
    assert "mesh: MCP_MESH_CALL_TIMEOUT is 'long'" in agent.errors()


@pytest.mark.parametrize("auto_run", ["false", ""])
def test_importing_its_module_registers_nothing(
    agents: Agents, registry: FakeRegistry, auto_run: str
) -> None:
    (agents.folder / "embedding.py").write_text(textwrap.dedent(SERVED))
    script = """
        import asyncio
        from fastapi.testclient import TestClient
        from embedding import echo, web

        assert asyncio.run(echo(text="x")) == "x"
        with TestClient(web) as client:
            assert client.get("/nothing").status_code == 404
        import threading
        print([each.name for each in threading.enumerate()])
    """
    agent = agents.start(script, auto_run=auto_run, debounce_delay="0")
    assert agent.end() == 0, agent.errors()
    assert agent.output() == "['MainThread']\n"
    assert registry.log == []


def test_a_server_is_named_like_the_agent() -> None:
    assert mesh.create_server().name == "mcp-mesh-server"
    assert mesh.create_server("mine").name == "mine"

    @mesh.agent(name="weather")
    class Weather: ...

    assert mesh.create_server().name == "weather"
