"""The life of an agent's process, from its script to its exit code."""

import contextlib
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, free_port, get, wait_for
from fake_mesh import FakeRegistry

GREETER = """
    import mesh

    @mesh.tool("greet")
    async def greet(name: str) -> str:
        return f"hello {name}"

    @mesh.agent(name="greeter")
    class Greeter: ...
"""


@pytest.fixture
def agents(tmp_path: Path, registry: FakeRegistry) -> Iterator[Agents]:
    agents = Agents(tmp_path, registry.url)
    yield agents
    agents.close()


def registered(registry: FakeRegistry, agent: AgentProcess) -> dict[str, Any]:
    """The first registration."""

    def look() -> list[dict[str, Any]]:
        assert agent.process.poll() is None, agent.errors()
        return registry.registrations

    return wait_for("a registration", look)[0]


def base(registration: dict[str, Any]) -> str:
    return f"http://{registration['http_host']}:{registration['http_port']}"


def test_an_agent_lives_and_leaves_without_a_trace(agents: Agents, registry: FakeRegistry) -> None:
    """Defects 9, 23, 24, 25 and 27: no FastMCP needed, no traceback, a quiet log, real names."""
    agent = agents.start(GREETER)
    registration = registered(registry, agent)
    assert registration["name"] == "greeter"
    url = base(registration)
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    for probe in ("health", "ready", "livez", "startupz"):
        status, body = get(f"{url}/{probe}")
        assert (status, body["agent"]) == (200, "greeter")
    assert get(f"{url}/metadata")[1]["capabilities"] == ["greet"]
    assert call(url, "greet", name="you")["structuredContent"] == {"result": "hello you"}
    assert agent.stop() == 0
    assert registry.log[-1] == f"DELETE /agents/{registration['agent_id']}"
    assert registry.log.count("POST /heartbeat") == 1
    assert agent.output() == ""
    (line,) = agent.errors().splitlines()
    assert line.endswith(f"agent {registration['agent_id']} serves 1 tools at {url}/mcp")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_stop_it(
    agents: Agents, registry: FakeRegistry, number: signal.Signals
) -> None:
    agent = agents.start(GREETER)
    registered(registry, agent)
    assert agent.stop(number) == 0
    assert "Traceback" not in agent.errors()


def test_a_tool_that_does_not_return_cannot_keep_the_agent(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(
        """
    import asyncio, mesh, time

    @mesh.tool("stuck")
    def stuck() -> None:
        print("stuck runs", flush=True)
        time.sleep(600)

    @mesh.tool("asleep")
    async def asleep() -> None:
        print("asleep runs", flush=True)
        await asyncio.sleep(600)

    @mesh.agent(name="greeter")
    class Greeter: ...
"""
    )
    registration = registered(registry, agent)
    url = base(registration)
    for tool in ("stuck", "asleep"):
        threading.Thread(target=lambda tool=tool: try_call(url, tool), daemon=True).start()
        wait_for(tool, lambda tool=tool: f"{tool} runs" in agent.output())
    agent.process.send_signal(signal.SIGTERM)
    assert agent.end(9) == 0, "before meshctl loses its patience"
    assert registry.log[-1] == f"DELETE /agents/{registration['agent_id']}"
    assert "Traceback" not in agent.errors()
    assert "a call does not end; the agent ends without it" in agent.errors()


def try_call(url: str, tool: str, **arguments: Any) -> None:
    with contextlib.suppress(OSError, HTTPException):
        call(url, tool, **arguments)


def test_defect_29_what_stands_below_the_agent_counts(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(
        GREETER
        + """
    print("still running", flush=True)

    @mesh.tool("later")
    def later() -> str:
        return "x"

    import atexit
    atexit.register(print, "exit handlers run")
"""
    )
    registration = registered(registry, agent)
    assert [tool["function_name"] for tool in registration["tools"]][:2] == ["greet", "later"]
    assert agent.stop() == 0
    assert agent.output() == "still running\nexit handlers run\n"


def test_defect_29_importing_an_agent_starts_nothing(
    agents: Agents, registry: FakeRegistry
) -> None:
    (agents.folder / "greeter.py").write_text("import mesh\n@mesh.agent(name='a')\nclass A: ...\n")
    agent = agents.start("import greeter\nassert greeter.A._mesh_agent_metadata['name'] == 'a'\n")
    assert agent.end() == 0
    assert (agent.output(), agent.errors(), registry.log) == ("", "", [])


def test_an_imported_agent_starts_when_it_is_asked_for(
    agents: Agents, registry: FakeRegistry
) -> None:
    (agents.folder / "greeter.py").write_text("import mesh\n@mesh.agent(name='a')\nclass A: ...\n")
    agent = agents.start("import greeter\n", auto_run="true")
    assert registered(registry, agent)["name"] == "a"
    assert agent.stop() == 0


def test_a_script_may_also_be_imported_by_its_name(agents: Agents, registry: FakeRegistry) -> None:
    agent = agents.start(f"{GREETER}\n    import agent\n")
    registration = registered(registry, agent)
    assert [tool["function_name"] for tool in registration["tools"]][:1] == ["greet"]
    assert all(tool["function_name"].startswith("__mesh_") for tool in registration["tools"][1:])
    assert agent.stop() == 0


def test_a_package_is_run_by_its_main_module(agents: Agents, registry: FakeRegistry) -> None:
    package = agents.folder / "greeting"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("from greeting import agent\n")
    (package / "agent.py").write_text("import mesh\n@mesh.agent(name='a')\nclass A: ...\n")
    agent = agents.start("", arguments=["-m", "greeting"])
    assert registered(registry, agent)["name"] == "a"
    assert agent.stop() == 0


@pytest.mark.parametrize(
    ("ending", "code", "error"),
    [
        ("raise KeyError('boom')", 1, "KeyError: 'boom'"),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("raise SystemExit('sorry')", 1, "sorry"),
        ("(lambda: exit(4))()", 4, ""),
    ],
)
def test_a_program_that_does_not_run_to_its_end_starts_no_agent(
    agents: Agents, registry: FakeRegistry, ending: str, code: int, error: str
) -> None:
    agent = agents.start(f"{GREETER}\n    {ending}\n")
    assert agent.end() == code
    assert error in agent.errors()
    assert registry.log == []


@pytest.mark.parametrize(
    ("script", "settings"),
    [
        (GREETER, {"auto_run": "false"}),
        (GREETER, {"enabled": "false"}),
        (GREETER.replace('name="greeter"', 'name="greeter", auto_run=False'), {}),
    ],
    ids=["MCP_MESH_AUTO_RUN", "MCP_MESH_ENABLED", "auto_run"],
)
def test_an_agent_that_is_not_to_run_does_not(
    agents: Agents, registry: FakeRegistry, script: str, settings: dict[str, str]
) -> None:
    agent = agents.start(script, **settings)
    assert agent.end() == 0
    assert (agent.errors(), registry.log) == ("", [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"health_interval": "abc"},
            "MCP_MESH_HEALTH_INTERVAL is 'abc'; it must be a whole number of at least 1",
        ),
        (
            {"http_port": "abc"},
            "MCP_MESH_HTTP_PORT is 'abc'; it must be a whole number from 0 to 65535",
        ),
        ({"call_timeout": "abc"}, "MCP_MESH_CALL_TIMEOUT is 'abc'; it must be a number of seconds"),
    ],
)
def test_defect_20_a_wrong_setting_is_named_and_nothing_starts(
    agents: Agents, registry: FakeRegistry, settings: dict[str, str], message: str
) -> None:
    agent = agents.start(GREETER, **settings)
    assert agent.end() == 1
    assert agent.errors().startswith(f"mesh: {message}")
    assert registry.log == []


def test_defect_10_tools_without_an_agent_are_served(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start("import mesh\n@mesh.tool('a')\ndef a() -> str:\n    return 'x'\n")
    registration = registered(registry, agent)
    assert registration["name"] == registration["agent_id"]
    url = base(registration)
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    assert get(f"{url}/health")[1]["agent"] == registration["agent_id"]
    assert call(url, "a")["structuredContent"] == {"result": "x"}


def test_defect_6_the_decorator_sets_the_heartbeat(agents: Agents, registry: FakeRegistry) -> None:
    script = GREETER.replace('name="greeter"', 'name="greeter", heartbeat_interval=1')
    agent = agents.start(script)
    registered(registry, agent)
    wait_for("two pings", lambda: sum(line.startswith("HEAD") for line in registry.log) >= 2, 4.5)


def test_defect_22_a_change_of_health_reaches_the_registry(
    agents: Agents, registry: FakeRegistry
) -> None:
    check = "health_check=health, health_check_ttl=1, heartbeat_interval=1"
    script = GREETER.replace('name="greeter"', f'name="greeter", {check}')
    agent = agents.start(
        """
    from pathlib import Path

    def health():
        return {"status": "degraded" if Path("tired").exists() else "healthy"}
"""
        + script
    )
    registered(registry, agent)
    for change in (Path.touch, Path.unlink):
        told = len(registry.registrations)
        change(agents.folder / "tired")
        wait_for("the change", lambda told=told: len(registry.registrations) > told)
    told = [each["status"] for each in registry.registrations]
    assert told == ["healthy", "degraded", "healthy"]


def test_defect_25_an_agent_ends_at_once(agents: Agents, registry: FakeRegistry) -> None:
    agent = agents.start(GREETER)
    url = base(registered(registry, agent))
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    before = time.monotonic()
    assert agent.stop() == 0
    # It takes 0.2 s on a quiet machine; published agents take up to 5 s there.
    assert time.monotonic() - before < 2


def test_defect_24_logging_of_the_program_is_left_alone(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(
        """
    import logging
    logging.basicConfig(format="mine %(message)s", level=logging.WARNING)
    before = list(logging.getLogger().handlers)
"""
        + GREETER
        + """
    @mesh.tool("check")
    async def check() -> bool:
        return logging.getLogger().handlers == before
"""
    )
    url = base(registered(registry, agent))
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    assert call(url, "check")["structuredContent"] == {"result": True}


def test_defect_1_kept_alive_calls_do_not_wait_for_acknowledgements(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(GREETER)
    registration = registered(registry, agent)
    body = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call",'
        b'"params":{"name":"greet","arguments":{"name":"x"}}}'
    )
    request = (
        b"POST /mcp HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"accept: application/json, text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body)
    ) + body
    took = []
    with socket.create_connection(("127.0.0.1", registration["http_port"])) as connection:
        for _ in range(15):
            before = time.perf_counter()
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"\r\n0\r\n\r\n"):
                answer += connection.recv(65536)
            took.append(time.perf_counter() - before)
    # The kernel delays an acknowledgement for 40 ms: with Nagle no later call could be faster.
    assert min(took[5:]) < 0.035


def test_a_busy_port_is_replaced_and_the_real_one_advertised(
    agents: Agents, registry: FakeRegistry
) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        port = occupant.getsockname()[1]
        agent = agents.start(GREETER, http_port=str(port))
        registration = registered(registry, agent)
    assert registration["http_port"] not in (0, port)
    assert f"port {port} cannot be used" in agent.errors()
    assert wait_for("readiness", lambda: get(f"{base(registration)}/ready")[0] == 200)


def test_an_address_of_another_machine_is_refused(agents: Agents) -> None:
    agent = agents.start(f"import os\nos.environ['HOST'] = '192.0.2.1'\n{dedent(GREETER)}")
    assert agent.end() == 1
    assert agent.errors().startswith("mesh: cannot listen on 192.0.2.1:0")


def test_an_endpoint_of_ones_own_is_advertised(agents: Agents, registry: FakeRegistry) -> None:
    agent = agents.start(GREETER, http_endpoint="http://greeter.example:81")
    registration = registered(registry, agent)
    assert (registration["http_host"], registration["http_port"]) == ("greeter.example", 81)


def test_without_http_there_is_no_port_and_the_process_stays(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(GREETER, http_enabled="false")
    assert registered(registry, agent)["http_port"] == 0
    assert agent.stop() == 0
    assert registry.log[-1].startswith("DELETE")


def test_standalone_means_no_registry_at_all(agents: Agents, registry: FakeRegistry) -> None:
    port = free_port()
    agent = agents.start(GREETER, standalone="true", http_port=str(port))
    url = f"http://127.0.0.1:{port}"
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    assert get(f"{url}/ready")[1]["runtime"] == "standalone"
    assert agent.stop() == 0
    assert registry.log == []


def test_defect_21_an_agent_registers_as_soon_as_its_registry_comes(
    agents: Agents, registry: FakeRegistry
) -> None:
    port, later = free_port(), free_port()
    agent = agents.start(GREETER, http_port=str(port), registry_url=f"http://127.0.0.1:{later}")
    wait_for("readiness", lambda: get(f"http://127.0.0.1:{port}/ready")[0] == 200)
    status, body = get(f"http://127.0.0.1:{port}/ready")
    assert (status, body["runtime"]) == (200, "up")
    assert body["reason"].startswith("registry: reconnecting")
    from http.server import BaseHTTPRequestHandler, HTTPServer

    heard = threading.Event()

    class Late(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.set()
            self.send_error(503)

        def log_message(self, *_arguments: Any) -> None: ...

    with HTTPServer(("127.0.0.1", later), Late) as server:
        server.timeout = 5
        server.handle_request()
    assert heard.is_set()
    assert agent.stop() == 0


def test_an_agent_that_is_unhealthy_from_the_start_does_not_register_before_it_is_well(
    agents: Agents, registry: FakeRegistry
) -> None:
    flag = agents.folder / "well"
    port = free_port()
    agent = agents.start(
        f"""
        import mesh, pathlib

        @mesh.agent(name="a", health_check=pathlib.Path({str(flag)!r}).exists, health_check_ttl=1)
        class A: ...
        """,
        http_port=str(port),
    )
    wait_for("readiness", lambda: get(f"http://127.0.0.1:{port}/ready")[0] == 200)
    assert get(f"http://127.0.0.1:{port}/health")[0] == 503
    assert registry.log == []
    flag.touch()
    assert registered(registry, agent)["status"] == "healthy"
    wait_for("health", lambda: get(f"http://127.0.0.1:{port}/health")[0] == 200)


def test_calls_under_way_are_finished_before_the_agent_leaves(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(
        """
        import asyncio, pathlib
        import mesh

        @mesh.tool("slow")
        async def slow() -> str:
            pathlib.Path("started").touch()
            await asyncio.sleep(0.6)
            return "done"

        @mesh.agent(name="a")
        class A: ...
        """
    )
    url = base(registered(registry, agent))
    wait_for("readiness", lambda: get(f"{url}/ready")[0] == 200)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(call(url, "slow")))
    thread.start()
    wait_for("the call", (agents.folder / "started").exists)
    assert agent.stop() == 0
    thread.join()
    assert answers[0]["structuredContent"] == {"result": "done"}
    assert registry.log[-1].startswith("DELETE")


def test_the_lifespan_of_the_program_runs(agents: Agents, registry: FakeRegistry) -> None:
    agent = agents.start(
        """
        from contextlib import asynccontextmanager
        import mesh
        from fastmcp import FastMCP

        @asynccontextmanager
        async def lifespan(server):
            print("up", flush=True)
            yield
            print("down", flush=True)

        server_of_mine = FastMCP("mine", lifespan=lifespan)

        @server_of_mine.tool()
        @mesh.tool("a")
        def a() -> str: ...

        @mesh.agent(name="a")
        class A: ...
        """
    )
    registered(registry, agent)
    assert agent.stop() == 0
    assert agent.output() == "up\ndown\n"
    assert "Traceback" not in agent.errors()


def test_a_lifespan_that_fails_ends_the_process(agents: Agents, registry: FakeRegistry) -> None:
    agent = agents.start(
        """
        from contextlib import asynccontextmanager
        import mesh
        from fastmcp import FastMCP

        @asynccontextmanager
        async def lifespan(server):
            raise OSError("no database")
            yield

        app = FastMCP("mine", lifespan=lifespan)

        @mesh.agent(name="a")
        class A: ...
        """
    )
    assert agent.end() == 1
    assert "no database" in agent.errors()
    assert registry.log == []


def test_a_forked_child_is_no_agent(agents: Agents, registry: FakeRegistry) -> None:
    agent = agents.start(
        GREETER
        + """
    import multiprocessing
    child = multiprocessing.get_context("fork").Process(target=print, args=("child", ))
    child.start()
    child.join()
    print(child.exitcode, flush=True)
"""
    )
    registered(registry, agent)
    assert agent.output() == "child\n0\n"
    assert agent.stop() == 0
    assert registry.log.count("POST /heartbeat") == 1


def test_two_agents_of_one_process_end_it_with_a_message(
    agents: Agents, registry: FakeRegistry
) -> None:
    (agents.folder / "other.py").write_text(
        "import mesh\nmesh.agent(name='b')(type('B', (), {}))\n"
    )
    agent = agents.start("import mesh, other\nmesh.agent(name='a')(type('A', (), {}))\n")
    assert agent.end() == 1
    assert re.match(
        r"mesh: a process has one @mesh.agent: `b` is declared at .*, `a` at ", agent.errors()
    )
    assert "Traceback" not in agent.errors()
    assert registry.log == []


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("x: Unreadable", "Unable to generate pydantic-core schema for .*Unreadable"),
        ("x: 'Nowhere'", "name 'Nowhere' is not defined"),
        ("*args", r"Functions with \*args are not supported"),
    ],
)
def test_a_signature_that_makes_no_tool_is_named_where_it_stands(
    agents: Agents, registry: FakeRegistry, signature: str, reason: str
) -> None:
    agent = agents.start(
        f"""
        import mesh
        class Unreadable: ...

        @mesh.tool("a")
        def a({signature}) -> str: ...
        """
    )
    assert agent.end() == 1
    assert re.match(rf"mesh: the tool `a` at .*:\d+ cannot be served: {reason}", agent.errors())
    assert "Traceback" not in agent.errors()
    assert registry.log == []


def test_two_tools_of_one_name_end_the_process_with_a_message(
    agents: Agents, registry: FakeRegistry
) -> None:
    agent = agents.start(
        """
        import mesh
        from fastmcp import FastMCP
        app = FastMCP("x")

        @app.tool(name="a")
        def plain() -> str: ...

        @mesh.tool("a")
        def a() -> str: ...
        """
    )
    assert agent.end() == 1
    assert agent.errors().startswith("mesh: two functions are both the tool `a`")
    assert "Traceback" not in agent.errors()
    assert registry.log == []
