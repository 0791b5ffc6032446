"""Agents as processes of their own, for tests of the life cycle."""

import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T], seconds: float = 30) -> T:
    """Polls until `look` returns something true."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)
    return seen


@dataclass
class AgentProcess:
    """One script that runs, and its output in two files."""

    process: subprocess.Popen[bytes]
    folder: Path
    name: str

    def output(self) -> str:
        return (self.folder / f"{self.name}.out").read_text()

    def errors(self) -> str:
        return (self.folder / f"{self.name}.err").read_text()

    def end(self, seconds: float = 20) -> int:
        """Waits for the process; its exit code."""
        return self.process.wait(seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signals the process and waits; its exit code."""
        self.process.send_signal(number)
        return self.end()


@dataclass
class Agents:
    """Starts scripts against one registry, and leaves none behind."""

    folder: Path
    registry_url: str
    started: list[AgentProcess] = field(default_factory=list)

    def start(
        self, script: str, name: str = "agent", arguments: list[str] | None = None, **settings: str
    ) -> AgentProcess:
        """Runs `script`; `settings` are environment variables without their prefix."""
        path = self.folder / f"{name}.py"
        path.write_text(textwrap.dedent(script))
        environment = {key: value for key, value in os.environ.items() if "MCP_MESH" not in key}
        environment |= {
            "MCP_MESH_REGISTRY_URL": self.registry_url,
            "MCP_MESH_HTTP_HOST": "127.0.0.1",
            "MCP_MESH_SETTLE_TIMEOUT": "3",
            "HOST": "127.0.0.1",
            "PYTHONPATH": str(self.folder),
        }
        environment |= {f"MCP_MESH_{key.upper()}": value for key, value in settings.items()}
        with (
            (self.folder / f"{name}.out").open("wb") as output,
            (self.folder / f"{name}.err").open("wb") as errors,
        ):
            process = subprocess.Popen(
                [sys.executable, *(arguments or [str(path)])],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
        agent = AgentProcess(process, self.folder, name)
        self.started.append(agent)
        return agent

    def close(self) -> None:
        for agent in self.started:
            if agent.process.poll() is None:
                agent.process.kill()
                agent.process.wait()


def _ports() -> Iterator[int]:
    """Ports that nobody listens at, out of a hundred that belong to this process.

    They are its own for as long as it holds the first of them: tests that run beside it, in any
    process, choose another hundred. Systems hand out ports by themselves from 32768 on; one of
    those could be somebody else's by the time that it is used.
    """
    guard = socket.socket()
    hundreds = random.sample(range(16_000, 32_000, 100), 160)
    first = next(port for port in hundreds if _is_free(port, guard))
    while True:
        for port in range(first + 1, first + 100):
            with socket.socket() as probe:
                free = _is_free(port, probe)
            if free:
                yield port


def _is_free(port: int, taker: socket.socket) -> bool:
    """Whether `taker` could take it."""
    try:
        taker.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


PORTS = _ports()


def free_port() -> int:
    """A port that nobody uses right now, and that no other process of tests takes."""
    return next(PORTS)


def get(url: str, tls: ssl.SSLContext | None = None) -> tuple[int, Any]:
    """Status and JSON body; status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10, context=tls) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError:
        return 0, None


def call(
    base: str, tool: str, tls: ssl.SSLContext | None = None, **arguments: Any
) -> dict[str, Any]:
    """The result of an MCP call, as it is on the wire."""
    return call_with_headers(base, tool, {}, arguments, tls)[0]


def call_with_headers(
    base: str,
    tool: str,
    added: dict[str, str],
    arguments: dict[str, Any],
    tls: ssl.SSLContext | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The result of an MCP call with further headers, and the headers of the answer."""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }
    headers = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        **added,
    }
    request = urllib.request.Request(f"{base}/mcp", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30, context=tls) as answer:
        lines = answer.read().decode().splitlines()
        received = {name.lower(): value for name, value in answer.headers.items()}
    messages = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    result: dict[str, Any] = next(each["result"] for each in messages if "result" in each)
    return result, received
