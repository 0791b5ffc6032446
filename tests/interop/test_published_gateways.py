"""One web application, written for the published package, on both packages and both registries."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from mesh_harness import (
    EITHER_REGISTRY,
    OUR_VENV,
    UPSTREAM_VENV,
    Mesh,
    free_port,
    wait_for,
)
from plain_http import HTTP

REGISTRIES = pytest.mark.parametrize("registry", EITHER_REGISTRY)
PACKAGES = pytest.mark.parametrize(
    "venv", [pytest.param(OUR_VENV, id="ours"), pytest.param(UPSTREAM_VENV, id="published")]
)


def answer(method: str, url: str, **options: Any) -> tuple[int, str]:
    """Status and text; 0 while nobody listens."""
    try:
        response = HTTP.request(method, url, timeout=30, **options)
    except httpx.TransportError:
        return 0, ""
    return response.status_code, response.text


@REGISTRIES
@PACKAGES
def test_routes_use_a_published_agent(mesh: Mesh, registry: Path, venv: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    mesh.start_registry(registry)
    gateway = mesh.start_agent("gateway.py", venv, str(port))
    missing = '{"error":"dependency_unavailable","capability":"greeting"}'
    wait_for("503", lambda: answer("GET", f"{url}/echo?text=x") == (503, missing))

    mesh.start_agent("provider.py", UPSTREAM_VENV)
    wait_for("an answer", lambda: answer("GET", f"{url}/echo?text=x")[0] == 200)
    assert answer("GET", f"{url}/stream?text=x")[1].endswith("data: [DONE]\n\n")
    listed = mesh.wait_for_agent("interop-gateway", resolved=2)
    assert listed["agent_type"] == "api"
    for probe in ("health", "ready", "livez", "startupz"):
        assert answer("GET", f"{url}/{probe}")[0] == 200

    if venv == OUR_VENV:
        assert listed["endpoint"] == url
        gateway.stop()
        wait_for("the farewell", lambda: mesh.agent("interop-gateway") is None, seconds=2)


@REGISTRIES
@PACKAGES
def test_skills_use_a_published_agent(mesh: Mesh, registry: Path, venv: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/agents/echo"
    mesh.start_registry(registry)
    mesh.start_agent("provider.py", UPSTREAM_VENV)
    mesh.start_agent("gateway.py", venv, str(port), "skills")
    listed = mesh.wait_for_agent("interop-gateway", resolved=1)
    assert listed["agent_type"] == "a2a"

    task = {"id": "t1", "message": {"text": "x"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tasks/send", "params": task}
    status, text = wait_for(
        "an answer",
        lambda: (seen := answer("POST", url, json=call)) and "completed" in seen[1] and seen,
    )
    assert status == 200
    assert '"sessionId":"t1"' in text
    assert '"parts":[{"type":"text","text":"' in text
    card = HTTP.get(f"{url}/.well-known/agent.json").json()
    assert card["skills"][0]["id"] == "echo"
    assert card["capabilities"]["streaming"] is True
