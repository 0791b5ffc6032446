"""The published package and ours, mixed in every way that a mesh may meet during a migration."""

import json
import signal
from pathlib import Path

import pytest
from mesh_harness import (
    AGENTS,
    OUR_REGISTRY,
    OUR_VENV,
    UPSTREAM_MESHCTL,
    UPSTREAM_REGISTRY,
    UPSTREAM_VENV,
    Mesh,
    structured,
)

WIRED = {"greeting": "hello Ada", "sum": {"sum": 5}}
UNWIRED = {"greeting": None, "sum": None}


def test_its_agents_live_under_our_meshctl_and_registry(mesh: Mesh) -> None:
    provider, consumer = str(AGENTS / "provider.py"), str(AGENTS / "consumer.py")
    mesh.meshctl("start", "-d", consumer, provider, venv=UPSTREAM_VENV)
    mesh.wait_for_agent("interop-provider")
    mesh.wait_for_agent("interop-consumer", resolved=2)
    mesh.wait_for_answer("interop-consumer", "welcome", WIRED, name="Ada")

    answer = json.loads(mesh.meshctl("call", "interop-consumer:welcome", '{"name": "Ada"}'))
    assert structured(answer) == WIRED

    mesh.meshctl("stop", "interop-provider")
    mesh.wait_for_agent("interop-consumer", resolved=0)
    mesh.wait_for_answer("interop-consumer", "welcome", UNWIRED, name="Ada")

    mesh.meshctl("start", "-d", provider, venv=UPSTREAM_VENV)
    mesh.wait_for_agent("interop-consumer", resolved=2)
    mesh.wait_for_answer("interop-consumer", "welcome", WIRED, name="Ada")


@pytest.mark.parametrize(
    ("registry", "provider", "consumer"),
    [
        pytest.param(OUR_REGISTRY, OUR_VENV, UPSTREAM_VENV, id="its-consumer-our-provider"),
        pytest.param(OUR_REGISTRY, UPSTREAM_VENV, OUR_VENV, id="our-consumer-its-provider"),
        pytest.param(UPSTREAM_REGISTRY, OUR_VENV, OUR_VENV, id="our-agents-its-registry"),
        pytest.param(UPSTREAM_REGISTRY, UPSTREAM_VENV, UPSTREAM_VENV, id="all-of-it-its-own"),
    ],
)
def test_a_mixed_mesh_wires_and_rewires(
    mesh: Mesh, registry: Path, provider: Path, consumer: Path
) -> None:
    mesh.start_registry(registry)
    mesh.start_agent("consumer.py", consumer)
    mesh.wait_for_agent("interop-consumer", resolved=0)
    mesh.wait_for_answer("interop-consumer", "welcome", UNWIRED, name="Ada")

    first = mesh.start_agent("provider.py", provider)
    mesh.wait_for_agent("interop-consumer", resolved=2)
    mesh.wait_for_answer("interop-consumer", "welcome", WIRED, name="Ada")

    first.stop()
    mesh.wait_for_answer("interop-consumer", "welcome", UNWIRED, name="Ada")

    second = mesh.start_agent("provider.py", provider)
    mesh.wait_for_answer("interop-consumer", "welcome", WIRED, name="Ada")

    # Without a farewell: only silence tells.
    second.stop(signal.SIGKILL)
    mesh.wait_for_answer("interop-consumer", "welcome", UNWIRED, name="Ada")


def test_its_meshctl_reads_our_registry_and_calls_our_agents(mesh: Mesh) -> None:
    mesh.start_registry(OUR_REGISTRY)
    mesh.start_agent("provider.py", OUR_VENV)
    mesh.start_agent("consumer.py", OUR_VENV)
    mesh.wait_for_agent("interop-consumer", resolved=2)
    mesh.wait_for_answer("interop-consumer", "welcome", WIRED, name="Ada")

    listed = json.loads(mesh.meshctl("list", "--json", binary=UPSTREAM_MESHCTL))
    assert sorted(agent["name"] for agent in listed["agents"]) == [
        "interop-consumer",
        "interop-provider",
    ]
    assert {agent["status"] for agent in listed["agents"]} == {"healthy"}

    answer = mesh.meshctl("call", "welcome", '{"name": "Ada"}', binary=UPSTREAM_MESHCTL)
    assert structured(json.loads(answer)) == WIRED
