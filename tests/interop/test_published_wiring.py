"""What agents of the published package require and expect decides who is wired to them.

Both registries must agree, so every story is told to ours and to its own.
"""

import signal
import time
from pathlib import Path
from typing import Any

import pytest
from mesh_harness import EITHER_REGISTRY, OUR_REGISTRY, UPSTREAM_VENV, Mesh, wait_for
from plain_http import HTTP

BOTH = pytest.mark.parametrize("registry", EITHER_REGISTRY)


def capability(mesh: Mesh, agent: str, name: str) -> dict[str, Any]:
    """How the registry lists a capability of a healthy agent."""
    found = mesh.agent(agent)
    assert found, f"{agent} is not healthy\n{mesh.logs()}"
    return next(entry for entry in found["capabilities"] if entry["name"] == name)


def wiring(mesh: Mesh, agent: str) -> dict[str, str | None]:
    """Which agent the registry lists for each function's only dependency."""
    listed = HTTP.get(f"{mesh.url}/agents", timeout=5).json()["agents"]
    names = {entry["id"]: entry["name"] for entry in listed}
    rows = next(entry for entry in listed if entry["name"] == agent)["dependency_resolutions"]
    return {
        row["function_name"]: names.get(row.get("provider_agent_id", ""))
        if row["status"] == "available"
        else None
        for row in rows
    }


@BOTH
def test_the_loss_of_a_chains_end_reaches_its_beginning(mesh: Mesh, registry: Path) -> None:
    mesh.start_registry(registry)
    mesh.start_agent("link.py", UPSTREAM_VENV, "a", "b")
    mesh.start_agent("link.py", UPSTREAM_VENV, "b", "c")
    end = mesh.start_agent("link.py", UPSTREAM_VENV, "c")
    whole = {"a": {"b": {"c": None}}}
    mesh.wait_for_answer("interop-a", "link", whole)
    before = {name: mesh.wait_for_agent(f"interop-{name}", resolved=1)["id"] for name in "ab"}
    assert all(capability(mesh, f"interop-{name}", name)["available"] for name in "abc")

    # Without a farewell: only silence tells. The middle is alive, and yet of no use.
    end.stop(signal.SIGKILL)
    refusal = {"error": "dependency_unavailable", "capability": "b"}
    mesh.wait_for_answer("interop-a", "link", refusal)
    mesh.wait_for_agent("interop-b", resolved=0)
    mesh.wait_for_agent("interop-a", resolved=0)
    middle, beginning = (capability(mesh, f"interop-{name}", name) for name in "ba")
    assert not middle["available"] and not beginning["available"]
    assert middle["unavailable_reason"].startswith("required dep 'c' un")
    assert beginning["unavailable_reason"].startswith("required dep 'b' un")

    mesh.start_agent("link.py", UPSTREAM_VENV, "c")
    mesh.wait_for_answer("interop-a", "link", whole)
    after = {name: mesh.wait_for_agent(f"interop-{name}", resolved=1)["id"] for name in "ab"}
    assert after == before, "nobody was started again"


@BOTH
def test_a_consumer_takes_only_the_shape_that_it_expects(mesh: Mesh, registry: Path) -> None:
    mesh.start_registry(registry)
    mesh.start_agent("typed_provider.py", UPSTREAM_VENV, "other")
    mesh.start_agent("typed_consumer.py", UPSTREAM_VENV)
    mesh.wait_for_agent("interop-other")
    mesh.wait_for_agent("interop-typed-consumer", resolved=0)
    mesh.wait_for_answer("interop-typed-consumer", "loose", {"said": None})
    assert wiring(mesh, "interop-typed-consumer") == {"loose": None, "exact": None}

    wider = {"name": "Ada", "age": 36, "city": "London"}
    same = {"name": "Ada", "age": 36}
    offers_more = mesh.start_agent("typed_provider.py", UPSTREAM_VENV, "wider")
    mesh.wait_for_answer("interop-typed-consumer", "loose", {"said": wider})
    mesh.wait_for_answer("interop-typed-consumer", "exact", {"said": None})
    assert wiring(mesh, "interop-typed-consumer") == {"loose": "interop-wider", "exact": None}

    mesh.start_agent("typed_provider.py", UPSTREAM_VENV, "same")
    mesh.wait_for_answer("interop-typed-consumer", "exact", {"said": same})
    mesh.wait_for_answer("interop-typed-consumer", "loose", {"said": wider})
    wired = {"loose": "interop-wider", "exact": "interop-same"}
    assert wiring(mesh, "interop-typed-consumer") == wired

    offers_more.stop(signal.SIGKILL)
    mesh.wait_for_answer("interop-typed-consumer", "loose", {"said": same})
    wired = {"loose": "interop-same", "exact": "interop-same"}
    wait_for("the listing to agree", lambda: wiring(mesh, "interop-typed-consumer") == wired)


def test_a_lost_database_disturbs_nobody_who_is_wired(mesh: Mesh) -> None:
    mesh.start_registry(OUR_REGISTRY)
    mesh.start_agent("link.py", UPSTREAM_VENV, "a", "b")
    mesh.start_agent("link.py", UPSTREAM_VENV, "b")
    mesh.wait_for_answer("interop-a", "link", {"a": {"b": None}})
    before = mesh.wait_for_agent("interop-b")["id"], mesh.wait_for_agent("interop-a", 1)["id"]

    database = mesh.home / "registry.db"
    aside = database.with_suffix(".aside")
    database.rename(aside)
    # Who comes now is not taken, and tries again; the others are pinging all the while, for longer
    # than an agent may be silent.
    late = mesh.start_agent("link.py", UPSTREAM_VENV, "late")
    wait_for("a registration to be refused", lambda: "returned error: 503" in late.text())
    time.sleep(4)
    mesh.wait_for_answer("interop-a", "link", {"a": {"b": None}})
    assert mesh.agent("interop-late") is None
    aside.rename(database)

    mesh.wait_for_agent("interop-late")
    mesh.wait_for_answer("interop-a", "link", {"a": {"b": None}})
    after = mesh.wait_for_agent("interop-b")["id"], mesh.wait_for_agent("interop-a", 1)["id"]
    assert after == before
