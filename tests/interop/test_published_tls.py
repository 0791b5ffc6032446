"""Agents of the published package and ours call one another by certificates.

The published registry speaks TLS itself, wants a certificate of everybody, and knows by it that an
agent is called at https. Ours speaks none, and is told by its agents how they are called; published
agents do not tell.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from certificates import Authority, environment
from mesh_harness import (
    OUR_REGISTRY,
    OUR_VENV,
    UPSTREAM_REGISTRY,
    UPSTREAM_VENV,
    Mesh,
    a_mesh,
    call,
    wait_for,
)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Mesh]:
    """Everybody has a certificate of one authority, and the registry wants to see it."""
    trust = tmp_path / "trust" / "entities"
    trust.mkdir(parents=True)
    authority = Authority(tmp_path, "ca")
    (trust / "acme.pem").write_bytes(authority.ca.read_bytes())
    me = authority.certify("me")
    with a_mesh(tmp_path) as mesh:
        mesh.tls = authority.client(me)
        mesh.agent_settings = environment(authority.certify("agent"))
        mesh.registry_settings = environment(authority.certify("registry")) | {
            "MCP_MESH_TLS_MODE": "strict",
            "MCP_MESH_TRUST_BACKEND": "filestore",
            "MCP_MESH_TRUST_DIR": str(tmp_path / "trust"),
        }
        yield mesh


@pytest.mark.parametrize(
    ("beginning", "end"),
    [
        pytest.param(OUR_VENV, UPSTREAM_VENV, id="we-call"),
        pytest.param(UPSTREAM_VENV, OUR_VENV, id="it-calls"),
        pytest.param(OUR_VENV, OUR_VENV, id="its-registry"),
    ],
)
def test_agents_call_one_another_by_certificates(secure: Mesh, beginning: Path, end: Path) -> None:
    secure.start_registry(UPSTREAM_REGISTRY)
    secure.start_agent("link.py", beginning, "a", "b")
    secure.start_agent("link.py", end, "b")
    secure.wait_for_answer("interop-a", "link", {"a": {"b": None}})
    for name in ("a", "b"):
        found = secure.agent(f"interop-{name}")
        assert found
        assert found["endpoint"].startswith("https://127.0.0.1:")
        assert found["entity_id"] == "ca"
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{found['endpoint']}/health".replace("https", "http"))


def test_jobs_are_worked_on_and_called_off_by_certificates(secure: Mesh) -> None:
    """With our package on both sides: what the published one does with jobs, it does without its
    certificate and its authority."""
    secure.start_registry(UPSTREAM_REGISTRY)
    works = secure.start_agent("worker.py", OUR_VENV)
    secure.wait_for_agent("interop-worker")
    secure.start_agent("submitter.py", OUR_VENV)
    endpoint = secure.wait_for_agent("interop-submitter", resolved=1)["endpoint"]
    job = call(endpoint, "order", {"pages": 1}, secure.tls)["job"]
    call(endpoint, "turn", {"job_id": job, "note": "first"}, secure.tls)
    outcome = call(endpoint, "collect", {"job_id": job}, secure.tls)["outcome"]
    assert outcome == {"pages": 1, "turned": [{"note": "first"}]}

    def state(job_id: str) -> str:
        status: str = secure.get(f"/jobs/{job_id}").json()["status"]
        return status

    job = call(endpoint, "order", {"pages": 1}, secure.tls)["job"]
    wait_for(
        "the job to be claimed", lambda: secure.get(f"/jobs/{job}").json()["owner_instance_id"]
    )
    call(endpoint, "call_off", {"job_id": job}, secure.tls)
    wait_for("the worker to stop", lambda: "called off" in works.text())
    assert state(job) == "cancelled"


def test_our_registry_hears_from_our_agents_how_they_are_called(secure: Mesh) -> None:
    secure.registry_settings = {}
    secure.start_registry(OUR_REGISTRY)
    secure.start_agent("link.py", UPSTREAM_VENV, "a", "b")
    secure.start_agent("link.py", OUR_VENV, "b", "c")
    secure.start_agent("link.py", OUR_VENV, "c")
    secure.wait_for_answer("interop-b", "link", {"b": {"c": None}})
    # A published agent calls ours, and is not found itself: nothing that it sends speaks of TLS.
    published = secure.wait_for_agent("interop-a", resolved=1)["endpoint"]
    assert published.startswith("http://")
    answer = call(published.replace("http", "https"), "link", {}, secure.tls)
    assert answer == {"a": {"b": {"c": None}}}
