"""Agents of several processes with the real registry: they find, lose and find each other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, get, wait_for
from real_mesh import address, real_mesh

PROVIDER = """
    import mesh
    from fastmcp import Context, FastMCP

    tools = FastMCP("provider")

    @tools.tool()
    @mesh.tool("echo", tags=["{tag}"])
    async def echo(text: str, ctx: Context) -> str:
        await ctx.report_progress(1, 2)
        return text

    @mesh.tool("where", dependencies=["echo"])
    @tools.tool()
    def where(echo: mesh.McpMeshTool = None) -> str:
        return "{tag}" + echo(text="!")

    @mesh.agent(name="provider-{tag}")
    class Provider: ...
"""

CONSUMER = """
    import mesh

    @mesh.tool("ask", dependencies=["missing", {"capability": "echo", "tags": ["+blue"]}, "where"])
    async def ask(
        text: str,
        missing: mesh.McpMeshTool = None,
        echo: mesh.McpMeshTool = None,
        where: mesh.McpMeshTool = None,
    ) -> dict:
        return {
            "missing": missing is None,
            "echo": echo and await echo({"text": text}),
            "where": where and await where(),
        }

    @mesh.tool("ask_sync", dependencies=["echo"])
    def ask_sync(text: str, echo: mesh.McpMeshTool = None) -> str:
        return echo(text=text)

    @mesh.agent(name="consumer")
    class Consumer: ...
"""


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    """Agents beside a registry of this test's own."""
    with real_mesh(tmp_path) as agents:
        yield agents


def ask(url: str) -> dict[str, Any]:
    """What the consumer says; nothing while it calls somebody who has just gone."""
    result = call(url, "ask", text="42")
    return {} if result["isError"] else result["structuredContent"]


def start_provider(agents: Agents, tag: str) -> AgentProcess:
    return agents.start(PROVIDER.replace("{tag}", tag), name=f"provider_{tag}", health_interval="1")


def test_agents_find_lose_and_find_each_other(agents: Agents) -> None:
    consumer = agents.start(CONSUMER, name="consumer", health_interval="1")
    url = address(agents, "consumer")
    green = start_provider(agents, "green")

    # Texts that look like numbers stay texts, through a tool that reports progress.
    everything = {"missing": True, "echo": "42", "where": "green!"}
    wait_for("the first wiring", lambda: ask(url) == everything)
    assert call(url, "ask_sync", text="null")["structuredContent"] == {"result": "null"}

    assert green.stop() == 0
    nothing = {"missing": True, "echo": None, "where": None}
    wait_for("the loss", lambda: ask(url) == nothing)

    blue = start_provider(agents, "blue")
    wait_for("the new wiring", lambda: ask(url) == everything | {"where": "blue!"})

    for agent in (consumer, blue):
        # FastMCP logs the calls that failed in the meantime; the stop adds nothing.
        before = agent.errors()
        assert agent.stop() == 0
        assert agent.errors() == before
    listed = get(f"{agents.registry_url}/agents")[1]["agents"]
    assert not [agent["name"] for agent in listed if agent["status"] == "healthy"]


def test_a_killed_provider_is_an_error_that_names_it(agents: Agents) -> None:
    agents.start(CONSUMER, name="consumer")
    url = address(agents, "consumer")
    green = start_provider(agents, "green")
    wait_for("the wiring", lambda: ask(url).get("echo") == "42")
    endpoint = address(agents, "provider-green")
    green.process.kill()
    green.end()
    outcome = call(url, "ask_sync", text="x")
    assert outcome["isError"]
    assert f"failed to reach `{endpoint}/mcp`" in outcome["content"][0]["text"]
