"""Skills outside of the mesh and tools made of them, of the published package and of ours."""

from pathlib import Path

import pytest
from mesh_harness import (
    OUR_REGISTRY,
    OUR_VENV,
    UPSTREAM_REGISTRY,
    UPSTREAM_VENV,
    Mesh,
    free_port,
)


@pytest.mark.parametrize(
    ("registry", "consumer", "producer"),
    [
        pytest.param(OUR_REGISTRY, OUR_VENV, UPSTREAM_VENV, id="our-consumer-its-producer"),
        pytest.param(OUR_REGISTRY, UPSTREAM_VENV, OUR_VENV, id="its-consumer-our-producer"),
        pytest.param(UPSTREAM_REGISTRY, OUR_VENV, OUR_VENV, id="our-agents-its-registry"),
    ],
)
def test_tools_ask_skills(mesh: Mesh, registry: Path, consumer: Path, producer: Path) -> None:
    mesh.start_registry(registry)
    port = free_port()
    mesh.start_agent("a2a_outside.py", producer, str(port))
    mesh.start_agent("a2a_bridge.py", consumer, str(port))
    mesh.wait_for_agent("interop-outside", resolved=1)

    for way in ("submit", "subscribe"):
        done = {"value": {"upper": "HI"}, "progress": False}
        mesh.wait_for_answer("interop-bridge", "shout", done, text="hi", way=way)
        mesh.wait_for_answer("interop-bridge", "shout", {"failed": True}, text="break", way=way)
        # A job of the mesh behind the skill: its progress arrives on the other side.
        counted = {"value": {"counted": 2}, "progress": True}
        mesh.wait_for_answer("interop-bridge", "tally", counted, upto=2, way=way)
    failed = {"state": "failed", "text": ""}
    mesh.wait_for_answer("interop-bridge", "shout", failed, text="break", way="send")
