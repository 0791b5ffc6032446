"""Real processes for a test: each in a group of its own, on free ports, in a home of its own, and
proven dead when the test ends."""

import json
import os
import signal
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from agent_process import free_port
from plain_http import HTTP, NOT_KEPT

ROOT = Path(__file__).resolve().parents[2]
AGENTS = Path(__file__).parent / "agents"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

OUR_VENV = ROOT / ".venv"
OUR_REGISTRY = TARGET / "debug" / "mcp-mesh-registry"
OUR_MESHCTL = TARGET / "debug" / "meshctl"

NEWEST_VENV = ROOT / ".venvs" / "newest"

UPSTREAM_VENV = ROOT / ".venvs" / "upstream"
UPSTREAM_REGISTRY = UPSTREAM_VENV / "package" / "bin" / "mcp-mesh-registry"
UPSTREAM_MESHCTL = UPSTREAM_VENV / "package" / "bin" / "meshctl"

# For what must hold with either registry.
EITHER_REGISTRY = [
    pytest.param(OUR_REGISTRY, id="our-registry"),
    pytest.param(UPSTREAM_REGISTRY, id="its-own"),
]

# What decides about registries and agents beside `MCP_MESH_…`; a path for imports would make
# published agents ours.
OTHER_SETTINGS = {"HOST", "PORT", "DATABASE_URL", "PYTHONPATH"}

# By which a process of this harness is recognised, whoever adopted it.
MARK = "MESH_INTEROP_RUN"

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 40) -> T:
    """Polls `look` until it returns something true; fails with `what` and the last thing seen."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}; last saw {seen!r}")
        time.sleep(0.1)


def run(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs a program in `folder` to its end, with nothing to read and only this environment."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass
class Started:
    """One process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Signals the whole group, waits, and kills what does not listen."""
        self.send(with_signal)
        self.wait()

    def send(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Signals the whole group, if it is still there."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def wait(self, seconds: float = 10) -> None:
        """Waits for the end of what was signalled, and brings it about after `seconds`."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(seconds)

    def text(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Mesh:
    """A registry's address, a home, and everything that was started for one test."""

    home: Path
    port: int = field(default_factory=free_port)
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: list[Started] = field(default_factory=list)
    # With which the test asks registry and agents, where these speak TLS; settings for either.
    tls: ssl.SSLContext | None = None
    registry_settings: dict[str, str] = field(default_factory=dict)
    agent_settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        scheme = "http" if "MCP_MESH_TLS_MODE" not in self.registry_settings else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    def get(self, path: str, seconds: float = 5) -> httpx.Response:
        """What the registry answers."""
        return client(self.tls).get(f"{self.url}{path}", timeout=seconds)

    def environment(self, venv: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The machine's environment without its mesh settings, plus the ones of this test."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("MCP_MESH_") and name not in OTHER_SETTINGS
        }
        return (
            kept
            | {
                MARK: self.run,
                "HOME": str(self.home),
                "MCP_MESH_HOME": str(self.home / "state"),
                "MCP_MESH_REGISTRY_HOST": "127.0.0.1",
                "MCP_MESH_REGISTRY_PORT": str(self.port),
                "MCP_MESH_REGISTRY_URL": self.url,
                "MCP_MESH_HTTP_HOST": "127.0.0.1",
                "MCP_MESH_HEALTH_INTERVAL": "1",
                "MCP_MESH_SETTLE_TIMEOUT": "1",
                # The published package begins a second after its last decorator; on a busy machine
                # that can be before its server is up, and then it starts two that do not answer.
                "MCP_MESH_DEBOUNCE_DELAY": "3",
                "PYTHONDONTWRITEBYTECODE": "1",
                "VIRTUAL_ENV": str(venv),
                "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            }
            | dict(extra or {})
        )

    def spawn(
        self, name: str, command: Sequence[str | Path], environment: dict[str, str]
    ) -> Started:
        """Starts a process in a group of its own, its output going to a log in the home."""
        log = self.home / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Started(name, process, log)
        self.started.append(started)
        return started

    def start_registry(self, binary: Path) -> Started:
        """Starts a registry that forgets a silent agent after three seconds."""
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATABASE_URL": str(self.home / "registry.db"),
            "HEALTH_CHECK_INTERVAL": "1",
            "DEFAULT_TIMEOUT_THRESHOLD": "3",
            **self.registry_settings,
        }
        arguments = [binary, "--host", "127.0.0.1", "--port", str(self.port)]
        registry = self.spawn("registry", arguments, self.environment(OUR_VENV, settings))
        self.wait_for_registry(registry)
        return registry

    def wait_for_registry(self, registry: Started | None = None) -> None:
        def healthy() -> bool:
            if registry and registry.process.poll() is not None:
                raise AssertionError(f"the registry ended:\n{registry.text()}")
            try:
                return self.get("/health", 2).status_code == 200
            except httpx.TransportError:
                return False

        wait_for("the registry", healthy)

    def start_agent(self, script: str, venv: Path, *arguments: str) -> Started:
        """Starts `agents/SCRIPT` with the interpreter of `venv`."""
        return self.spawn(
            "-".join([Path(script).stem, *arguments]),
            [venv / "bin" / "python", AGENTS / script, *arguments],
            self.environment(venv, self.agent_settings),
        )

    def meshctl(
        self,
        *arguments: str,
        venv: Path = OUR_VENV,
        binary: Path = OUR_MESHCTL,
        ok: bool = True,
    ) -> str:
        """Runs a `meshctl` and returns its standard output."""
        done = run([binary, *arguments], self.home, self.environment(venv))
        if ok and done.returncode != 0:
            raise AssertionError(
                f"meshctl {' '.join(arguments)} exited with {done.returncode}\n"
                f"{done.stdout}{done.stderr}\n{self.logs()}"
            )
        return done.stdout

    def agent(self, name: str) -> dict[str, Any] | None:
        """The healthy agent called `name`, as the registry lists it."""
        listed = self.get("/agents").json()["agents"] or []  # upstream: null
        healthy = [a for a in listed if a["name"] == name and a["status"] == "healthy"]
        return healthy[0] if healthy else None

    def wait_for_agent(self, name: str, resolved: int = 0) -> dict[str, Any]:
        """Waits until `name` is healthy with exactly `resolved` wired dependencies."""

        def settled() -> dict[str, Any] | None:
            found = self.agent(name)
            return found if found and found["dependencies_resolved"] == resolved else None

        try:
            return wait_for(f"{name} with {resolved} wired dependencies", settled)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def wait_for_answer(self, agent: str, tool: str, expected: Any, **arguments: Any) -> None:
        """Calls a tool until it answers `expected`: an agent hears of new wiring by heartbeat."""
        seen: list[Any] = []

        def answered() -> bool:
            found = self.agent(agent)
            seen[:] = [
                call(found["endpoint"], tool, arguments, self.tls) if found else "no healthy agent"
            ]
            return seen[0] == expected

        try:
            wait_for(f"{tool} to answer {expected}", answered)
        except AssertionError as error:
            raise AssertionError(f"{error}; it answered {seen}\n{self.logs()}") from None

    def logs(self) -> str:
        """The ends of all logs, for a failure's message."""
        found = sorted(self.home.glob("*.log")) + sorted(self.home.glob("state/logs/*.log"))
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-40:])
            for log in found
        )


def client(tls: ssl.SSLContext | None = None) -> httpx.Client:
    """With what a test asks."""
    return HTTP if tls is None else httpx.Client(verify=tls, limits=NOT_KEPT)


def call(
    endpoint: str, tool: str, arguments: Mapping[str, Any], tls: ssl.SSLContext | None = None
) -> Any:
    """Calls a tool over MCP's streamable HTTP and returns its structured answer."""
    response = client(tls).post(
        f"{endpoint}/mcp",
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": dict(arguments)},
        },
        headers={"Accept": "application/json, text/event-stream"},
        timeout=30,
    )
    body = response.text
    if response.headers["content-type"].startswith("text/event-stream"):
        body = next(
            line.removeprefix("data:") for line in body.splitlines() if line.startswith("data:")
        )
    answer = json.loads(body)
    if "error" in answer:
        return answer["error"]
    return structured(answer["result"])


def structured(result: Mapping[str, Any]) -> Any:
    """A tool's answer: the structured one, else its text, parsed where it is JSON."""
    if result.get("structuredContent") is not None:
        return result["structuredContent"]
    text = result["content"][0]["text"]
    try:
        return json.loads(text)
    except ValueError:
        return text


@contextmanager
def a_mesh(home: Path) -> Iterator[Mesh]:
    """Lends a mesh, then stops all that was started in it and proves that nothing is left."""
    mesh = Mesh(home)
    try:
        yield mesh
    finally:
        if (home / "state").exists():
            mesh.meshctl("stop", ok=False)
        stop_all(mesh.started)
        left = end_processes_of(mesh.run)
    assert not left, f"left running: {left}"


def stop_all(started: Sequence[Started]) -> None:
    """Stops all agents at once, and then the registry to which they say farewell."""
    agents = [each for each in started if each.name != "registry"]
    registries = [each for each in started if each.name == "registry"]
    for group in (agents, registries):
        for each in group:
            each.send()
        for each in group:
            each.wait()


def end_processes_of(run: str) -> list[str]:
    """Kills what still carries the mark of `run`; returns their command lines.

    Looks into /proc; where that is missing, the process groups have been waited for already.
    """
    left: dict[int, str] = {}
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        left = marked(run)
        if not left:
            return []
        time.sleep(0.1)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return list(left.values())


def marked(run: str) -> dict[int, str]:
    found = {}
    wanted = f"{MARK}={run}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode(errors="replace").strip()
        except OSError:
            # It ended in between, or belongs to somebody else.
            continue
    return found
