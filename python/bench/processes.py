"""Registries and agents as processes that are started, watched and verified dead."""

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 60.0
STEP = 0.002
# CPU seconds in one second of whoever only keeps itself alive.
QUIET = 0.05


def free_port() -> int:
    """Return a port of the loop-back address on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """Return the environment without anything that would reach a mesh."""
    strange = ("MCP_MESH_", "DATABASE_URL", "PYTHON", "HOST", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(strange)}


@dataclass
class Registry:
    """A registry that serves."""

    port: int

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def agents(self) -> list[dict[str, Any]]:
        """Whoever is registered and healthy."""
        listed = self.ask("GET", "/agents")["agents"] or []
        return [agent for agent in listed if agent["status"] == "healthy"]

    def wait_for(self, name: str, agent: "Agent | Home") -> None:
        """Return once an agent of this name is listed; its port is the listed one then."""
        deadline = time.monotonic() + LIMIT
        while not (found := [each for each in self.agents() if each["name"] == name]):
            agent.demand_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(agent.output())
            time.sleep(STEP)
        # Release 3.8.0 takes another one if it finds its own in use, even by itself.
        agent.port = urlsplit(found[0]["endpoint"]).port


@contextmanager
def registry(program: Path, port: int | None = None) -> "Iterator[Registry]":
    """Run a registry with a new database, at this port if one is given."""
    with tempfile.TemporaryDirectory(prefix="mesh-bench-") as home:
        port = port or free_port()
        environment = clean_environment() | {"DATABASE_URL": f"{home}/registry.db", "HOME": home}
        log = Path(home, "registry.log")
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 -- the program is the one under test
                [program, "--host", "127.0.0.1", "--port", str(port)],
                env=environment,
                stdout=output,
                stderr=output,
                cwd=home,
            )
        try:
            _wait_for_port(port, process, log)
            yield Registry(port)
        finally:
            process.kill()
            process.wait()


def _wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
            time.sleep(STEP)
        else:
            return


class Agent:
    """An agent that was started from a script."""

    def __init__(self, python: Path, script: Path, registry: Registry) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="mesh-bench-")
        self._log = Path(self._home.name, "agent.log")
        self.port = free_port()
        environment = clean_environment() | {
            "HOME": self._home.name,
            "MCP_MESH_HTTP_HOST": "127.0.0.1",
            "MCP_MESH_HTTP_PORT": str(self.port),
            "MCP_MESH_REGISTRY_URL": registry.url,
        }
        self.started = time.perf_counter()
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 -- the interpreter is the one under test
                [python, script],
                env=environment,
                stdout=output,
                stderr=output,
                cwd=self._home.name,
            )

    def __enter__(self) -> "Agent":
        """Run until left."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what still runs."""
        self.kill()
        self._home.cleanup()

    def output(self) -> str:
        """Return what it printed."""
        return self._log.read_text(errors="replace")

    def demand_alive(self) -> None:
        """Fail with its output if it ended."""
        if self._process.poll() is not None:
            raise RuntimeError(self.output())

    def wait_until_served(self) -> None:
        """Return once it takes connections."""
        _wait_for_port(self.port, self._process, self._log)

    def wait_until_quiet(self) -> None:
        """Return once it has used next to no CPU for a second, so that its start is over."""
        deadline = time.monotonic() + LIMIT
        used = -1.0
        while (now := self.scheduled()) - used > QUIET:
            self.demand_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(self.output())
            used = now
            time.sleep(1)

    def memory(self) -> dict[str, int]:
        """Bytes that it holds: `rss`; `pss`, shared pages in parts; `anonymous`, no files."""
        lines = self._proc("smaps_rollup").read_text().splitlines()[1:]
        sizes = {name.lower(): value for name, value in (line.split(":") for line in lines)}
        return {name: int(sizes[name].split()[0]) * 1024 for name in ("rss", "pss", "anonymous")}

    def threads(self) -> int:
        """Return how many threads it has."""
        return len(list(self._proc("task").iterdir()))

    def scheduled(self) -> float:
        """Return the CPU seconds of the threads that it has, exact to the nanosecond."""
        nanoseconds = 0
        for task in self._proc("task").iterdir():
            # A thread may end before its turn.
            with suppress(FileNotFoundError, ProcessLookupError):
                nanoseconds += int((task / "schedstat").read_text().split()[0])
        return nanoseconds / 1e9

    def cpu(self) -> float:
        """Return the CPU seconds it used so far, in steps of a clock tick."""
        fields = self._proc("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _proc(self, name: str) -> Path:
        return Path("/proc", str(self._process.pid), name)

    def kill(self) -> None:
        """End it without a farewell."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> float:
        """Ask it to end; the seconds until it did."""
        start = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=LIMIT)
        return time.perf_counter() - start


class Home:
    """A state folder of `meshctl`; whatever it started is stopped when it is left."""

    def __init__(self, meshctl: Path, python: Path, registry: Registry) -> None:
        self.port: int | None = None
        self._home = tempfile.TemporaryDirectory(prefix="mesh-bench-")
        self._meshctl = meshctl
        self._environment = clean_environment() | {
            "HOME": self._home.name,
            "MCP_MESH_HOME": self._home.name,
            "MCP_MESH_REGISTRY_URL": registry.url,
            "MCP_MESH_HTTP_HOST": "127.0.0.1",
            "VIRTUAL_ENV": str(python.parent.parent),
        }

    def __enter__(self) -> "Home":
        """Run until left."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what still runs."""
        self.meshctl("stop")
        self._home.cleanup()

    def meshctl(self, *arguments: str | Path) -> str:
        """Run a command to its end; what it printed."""
        done = subprocess.run(  # noqa: S603 -- the program is the one under test
            [self._meshctl, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        if done.returncode:
            message = f"meshctl {arguments[0]} ended with {done.returncode}: {done.stderr}"
            raise RuntimeError(message)
        return done.stdout

    def output(self) -> str:
        """Return what `meshctl` knows of the agent."""
        return self.meshctl("list", "--all")

    def demand_alive(self) -> None:
        """Do nothing: `meshctl start` failed already if the agent did."""
