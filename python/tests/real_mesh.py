"""Agents as processes of their own beside a registry that is the real one."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent_process import Agents, free_port, get, wait_for

ROOT = Path(__file__).parents[2]
REGISTRY = Path(
    os.environ.get("MCP_MESH_REGISTRY_BIN")
    or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "mcp-mesh-registry"
)


@contextmanager
def real_mesh(folder: Path, **settings: str) -> Iterator[Agents]:
    """A registry of the test's own; `settings` are its environment."""
    port = free_port()
    with registry_at(port, folder, **settings) as url:
        agents = Agents(folder, url)
        try:
            yield agents
        finally:
            agents.close()


@contextmanager
def registry_at(port: int, folder: Path, **settings: str) -> Iterator[str]:
    """A registry that keeps its state in `folder`; its URL."""
    assert REGISTRY.exists(), f"build the registry first: {REGISTRY} is not there"
    environment = {
        **{key: value for key, value in os.environ.items() if "MCP_MESH" not in key},
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATABASE_URL": str(folder / "registry.db"),
        **settings,
    }
    with (folder / "registry.log").open("ab") as log:
        registry = subprocess.Popen([REGISTRY], env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for("the registry", lambda: get(f"{url}/ready")[0] == 200)
        yield url
    finally:
        registry.send_signal(signal.SIGTERM)
        registry.wait(10)


def address(agents: Agents, name: str) -> str:
    """The endpoint of a healthy agent."""

    def look() -> str | None:
        for agent in get(f"{agents.registry_url}/agents")[1]["agents"]:
            if agent["name"] == name and agent["status"] == "healthy":
                return str(agent["endpoint"])
        return None

    endpoint = wait_for(f"agent {name}", look)
    assert endpoint is not None
    return endpoint
