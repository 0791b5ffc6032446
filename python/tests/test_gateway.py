"""Web applications with routes, in processes of their own, beside the real registry."""

import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from agent_process import AgentProcess, Agents, free_port, get, wait_for
from fake_mesh import FakeRegistry
from plain_http import HTTP
from real_mesh import address, real_mesh

PROVIDER = """
    import mesh

    @mesh.tool("echo", tags=["{tag}"])
    async def echo(text: str = "") -> dict:
        return {{"from": "{tag}", "text": text, **mesh.TraceContext.get_propagated_headers()}}

    @mesh.agent(name="provider-{tag}")
    class Provider: ...
"""

SHOP = """
    import mesh
    import uvicorn
    from fastapi import APIRouter, FastAPI

    app = FastAPI(title="The Shop")
    router = APIRouter(prefix="/inner")

    @app.get("/two")
    @mesh.route(
        dependencies=[
            {"capability": "echo", "tags": ["one"]},
            {"capability": "echo", "tags": ["two"]},
        ]
    )
    async def two(
        text: str, one: mesh.McpMeshTool | None = None, two: mesh.McpMeshTool | None = None
    ) -> dict:
        return {
            "one": one and await one(text=text),
            "two": two and await two(text=text),
        }

    @router.get("/sync")
    @mesh.route(dependencies=[{"capability": "echo", "required": True}])
    def sync(echo: mesh.McpMeshTool) -> dict:
        return echo(text="sync")

    @app.get("/status")
    async def status() -> dict:
        return mesh.startup_status()

    @app.get("/stream")
    @mesh.route(dependencies=["echo"])
    async def stream(echo: mesh.McpMeshTool = None) -> mesh.Stream[str]:
        for word in ("a", "b"):
            yield str((await echo(text=word))["text"])

    app.include_router(router, prefix="/outer")

    if __name__ == "__main__":
        uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
"""

UVICORN = ["-m", "uvicorn", "shop:app", "--host", "127.0.0.1", "--log-level", "warning"]


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    with real_mesh(tmp_path) as agents:
        yield agents


@pytest.fixture
def strangers(tmp_path: Path, registry: FakeRegistry) -> Iterator[Agents]:
    """Agents beside a registry whose log the test reads."""
    agents = Agents(tmp_path, registry.url)
    yield agents
    agents.close()


def start_provider(agents: Agents, tag: str) -> AgentProcess:
    return agents.start(
        PROVIDER.format(tag=tag),
        name=f"provider_{tag}",
        health_interval="1",
        propagate_headers="x-tenant",
    )


def start_shop(
    agents: Agents, arguments: list[str] | None = None, port: int = 0, **settings: str
) -> AgentProcess:
    script = SHOP.replace("PORT", str(port))
    return agents.start(script, "shop", arguments, health_interval="1", **settings)


def ask(url: str, **options: Any) -> httpx.Response:
    """Asks, for longer than a mesh takes to settle."""
    return HTTP.get(url, timeout=30, **options)


def registered(registry: FakeRegistry, agent: AgentProcess) -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        assert agent.process.poll() is None, agent.errors()
        return registry.registrations

    return wait_for("a registration", look)[0]


def test_defect_12_routes_are_wired_by_position(agents: Agents) -> None:
    """Two slots of one capability are two providers; they are followed as the mesh changes."""
    providers = {tag: start_provider(agents, tag) for tag in ("one", "two")}
    shop = start_shop(agents, settle_timeout="20", propagate_headers="x-tenant")
    url = address(agents, "the-shop")

    def look(text: str) -> Any:
        answer = ask(f"{url}/two", params={"text": text}, headers={"x-tenant": "acme"})
        return answer.json() if answer.status_code == 200 else answer

    def said(tag: str, text: str) -> dict[str, str]:
        return {"from": tag, "text": text, "x-tenant": "acme"}

    # The first request waits until the mesh has settled.
    assert look("42") == {"one": said("one", "42"), "two": said("two", "42")}
    assert ask(f"{url}/outer/inner/sync").json()["text"] == "sync"
    status = ask(f"{url}/status").json()
    assert (status["state"], status["pipeline_type"]) == ("ready", "api")
    stream = ask(f"{url}/stream").text
    assert stream == "data: a\n\ndata: b\n\ndata: [DONE]\n\n"

    assert providers["two"].stop() == 0
    wait_for("the loss", lambda: look("x") == {"one": said("one", "x"), "two": None})
    assert providers["one"].stop() == 0
    wait_for("the second loss", lambda: look("x") == {"one": None, "two": None})
    missing = ask(f"{url}/outer/inner/sync")
    assert missing.status_code == 503
    assert missing.json() == {"error": "dependency_unavailable", "capability": "echo"}

    shop.stop()
    assert "Traceback" not in shop.errors()
    listed = get(f"{agents.registry_url}/agents")[1]["agents"]
    assert not [agent["name"] for agent in listed if agent["status"] == "healthy"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_defect_13_an_application_advertises_its_port_and_says_farewell(
    strangers: Agents, registry: FakeRegistry, number: signal.Signals
) -> None:
    port = free_port()
    shop = start_shop(strangers, port=port)
    registration = registered(registry, shop)
    assert registration.pop("agent_id").startswith("api-")
    assert registration == {
        "name": "the-shop",
        "agent_type": "api",
        "version": "1.0.0",
        "http_host": "127.0.0.1",
        "http_port": port,
        "namespace": "default",
        "status": "healthy",
        "runtime": "python",
        "tools": [
            {
                "function_name": "GET:/two",
                "capability": "",
                "version": "1.0.0",
                "dependencies": [
                    {"capability": "echo", "tags": ["one"]},
                    {"capability": "echo", "tags": ["two"]},
                ],
            },
            {
                "function_name": "GET:/stream",
                "capability": "",
                "version": "1.0.0",
                "dependencies": [{"capability": "echo"}],
            },
            {
                "function_name": "GET:/outer/inner/sync",
                "capability": "",
                "version": "1.0.0",
                "dependencies": [{"capability": "echo", "required": True}],
            },
        ],
        "a2a_producer": False,
        "a2a_consumer": False,
    }
    shop.stop(number)
    assert registry.log[-1].startswith("DELETE /agents/api-")
    assert "Traceback" not in shop.errors()


def test_whatever_starts_uvicorn_the_real_port_is_advertised(
    strangers: Agents, registry: FakeRegistry
) -> None:
    """The command line, with a port of the system's choice."""
    shop = start_shop(strangers, [*UVICORN, "--port", "0"])
    url = f"http://127.0.0.1:{registered(registry, shop)['http_port']}"
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    body = get(f"{url}/ready")[1]
    assert (body["agent"], body["mesh_ready"]) == ("the-shop", True)
    shop.stop()
    assert registry.log[-1].startswith("DELETE")


@pytest.mark.parametrize("option", [["--workers", "2"], ["--reload"]])
def test_worker_processes_are_agents(
    strangers: Agents, registry: FakeRegistry, option: list[str]
) -> None:
    port = free_port()
    shop = start_shop(strangers, [*UVICORN, "--port", str(port), *option])
    workers = 2 if "2" in option else 1
    wait_for("all workers", lambda: len(registry.registrations) == workers)
    assert {each["http_port"] for each in registry.registrations} == {port}
    assert len({each["agent_id"] for each in registry.registrations}) == workers
    shop.stop()
    wait_for("farewells", lambda: sum("DELETE" in each for each in registry.log) == workers)


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs POSIX")
def test_gunicorn_runs_it_as_well(strangers: Agents, registry: FakeRegistry) -> None:
    port = free_port()
    bind = ["--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    arguments = ["-m", "gunicorn", "shop:app", "-k", "uvicorn_worker.UvicornWorker", *bind]
    shop = start_shop(strangers, arguments)
    assert registered(registry, shop)["http_port"] == port
    shop.stop()
    assert registry.log[-1].startswith("DELETE")


def test_a_server_of_the_programs_own_making(strangers: Agents, registry: FakeRegistry) -> None:
    script = """
        import asyncio
        import uvicorn
        from shop import app

        async def main():
            config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
            await asyncio.gather(uvicorn.Server(config).serve(), asyncio.sleep(0.1))

        asyncio.run(main())
    """
    (strangers.folder / "shop.py").write_text(textwrap.dedent(SHOP))
    agent = strangers.start(script, "main")
    url = f"http://127.0.0.1:{registered(registry, agent)['http_port']}"
    assert get(f"{url}/livez")[0] == 200
    agent.stop()
    assert registry.log[-1].startswith("DELETE")


def test_settings_win_over_the_port(strangers: Agents, registry: FakeRegistry) -> None:
    shop = start_shop(strangers, http_port="9999", agent_id="shop-1")
    registration = registered(registry, shop)
    assert (registration["http_port"], registration["agent_id"]) == (9999, "shop-1")
    shop.stop()
    assert registry.log[-1] == "DELETE /agents/shop-1"


def test_without_a_lifespan_the_first_request_starts_it(
    strangers: Agents, registry: FakeRegistry
) -> None:
    port = free_port()
    shop = start_shop(strangers, [*UVICORN, "--port", str(port), "--lifespan", "off"])
    wait_for("the server", lambda: get(f"http://127.0.0.1:{port}/livez")[0] == 200)
    assert registered(registry, shop)["http_port"] == port
    shop.stop()
    assert registry.log[-1].startswith("DELETE")


def test_routes_of_the_program_stay(strangers: Agents, registry: FakeRegistry) -> None:
    script = """
        import mesh
        import uvicorn
        from fastapi import FastAPI

        app = FastAPI()
        metrics = FastAPI()

        @app.get("/health")
        async def health() -> dict:
            return {"mine": True}

        @app.get("/x")
        @mesh.route(dependencies=["echo"])
        async def x(echo: mesh.McpMeshTool = None) -> None: ...

        app.mount("/metrics", metrics)
        uvicorn.run(app, host="127.0.0.1", port=0, log_level="warning")
    """
    agent = strangers.start(script)
    url = f"http://127.0.0.1:{registered(registry, agent)['http_port']}"
    assert get(f"{url}/health") == (200, {"mine": True})
    assert get(f"{url}/metrics")[0] == 404
    wait_for("the registry's answer", lambda: get(f"{url}/ready")[0] == 200)
    for path in ("ready", "livez", "startupz"):
        status, body = get(f"{url}/{path}")
        assert (status, body["service_type"], body["agent"]) == (200, "api", "fastapi")


def test_settings_that_cannot_be_read_end_the_server(
    strangers: Agents, registry: FakeRegistry
) -> None:
    shop = start_shop(strangers, health_check_ttl="soon")
    assert shop.end() != 0
    assert "mesh: MCP_MESH_HEALTH_CHECK_TTL is 'soon'" in shop.errors()
    assert "Traceback" not in shop.errors()
    assert registry.log == []


def test_a_registry_that_is_down_keeps_nobody_waiting(strangers: Agents) -> None:
    port = free_port()
    shop = start_shop(strangers, port=port, registry_url="http://127.0.0.1:9", settle_timeout="0")
    url = f"http://127.0.0.1:{port}/two?text=x"
    wait_for("an answer", lambda: get(url) == (200, {"one": None, "two": None}))
    shop.stop()
    assert "Traceback" not in shop.errors()


def test_tests_of_an_application_register_nothing(
    strangers: Agents, registry: FakeRegistry
) -> None:
    script = """
        from fastapi.testclient import TestClient
        from shop import app

        with TestClient(app) as client:
            assert client.get("/two", params={"text": "x"}).json() == {"one": None, "two": None}
            assert client.get("/outer/inner/sync").status_code == 503
            assert client.get("/ready").json()["reason"] == "the application is not registered"
        assert TestClient(app).get("/livez").status_code == 200
        print("done")
    """
    (strangers.folder / "shop.py").write_text(textwrap.dedent(SHOP))
    agent = strangers.start(script, "test")
    assert agent.end() == 0, agent.errors()
    assert (agent.output(), agent.errors()) == ("done\n", "")
    assert registry.log == []
