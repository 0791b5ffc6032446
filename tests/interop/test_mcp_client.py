"""Agents as the official MCP client sees them: both releases of it, and both that agents run on."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mesh_harness import AGENTS, NEWEST_VENV, OUR_REGISTRY, OUR_VENV, Mesh

VENVS = {"pinned": OUR_VENV, "newest": NEWEST_VENV}


def ask(mesh: Mesh, venv: Path, endpoint: str) -> dict[str, Any]:
    """What the client of `venv` saw."""
    command = [venv / "bin" / "python", AGENTS / "mcp_client.py", endpoint]
    done = subprocess.run(
        command, env=mesh.environment(venv), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize("agent", VENVS)
def test_the_official_client_is_served(mesh: Mesh, agent: str) -> None:
    mesh.start_registry(OUR_REGISTRY)
    mesh.start_agent("asked.py", VENVS[agent])
    endpoint = mesh.wait_for_agent("asked", resolved=1)["endpoint"]
    for venv in VENVS.values():
        seen = ask(mesh, venv, endpoint)
        asked_for = {name: list(form["properties"]) for name, form in seen["tools"].items()}
        assert asked_for.items() >= {"ask": ["name"], "count": ["to"], "tell": []}.items()
        assert seen["ask"]["structuredContent"] == {"greeting": "hello you"}
        counted, progress = seen["count"]
        assert counted["structuredContent"] == {"result": 3}
        assert progress == [[1, 3, "at 1"], [2, 3, "at 2"], [3, 3, "at 3"]]
        told, pieces = seen["tell"]
        assert told["content"][0]["text"] == "once upon a time"
        assert [piece[2] for piece in pieces] == ["once ", "upon ", "a time"]
        assert seen["fail"]["isError"]
        assert "no greeting today" in seen["fail"]["content"][0]["text"]
        assert seen["wrong"]["isError"]
        assert "nme" in seen["wrong"]["content"][0]["text"]
        assert "nobody" in seen["unknown"]
