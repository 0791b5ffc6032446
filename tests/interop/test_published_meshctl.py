"""The published `meshctl` reads and steers a mesh of published agents: under our registry as under
its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mesh_harness import (
    EITHER_REGISTRY,
    UPSTREAM_MESHCTL,
    UPSTREAM_VENV,
    Mesh,
    a_mesh,
    call,
    run,
    structured,
    wait_for,
)
from plain_http import HTTP

COLOUR = re.compile(r"\x1b\[\d*m")
UNKNOWN = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module", params=EITHER_REGISTRY)
def small_mesh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mesh]:
    """A provider and its consumer, a worker and its submitter, and a consumer that may choose."""
    registry: Path = request.param
    with a_mesh(tmp_path_factory.mktemp("mesh")) as mesh:
        mesh.start_registry(registry)
        for script in ("provider.py", "consumer.py", "worker.py", "submitter.py"):
            mesh.start_agent(script, UPSTREAM_VENV)
        for shape in ("same", "wider", "other"):
            mesh.start_agent("typed_provider.py", UPSTREAM_VENV, shape)
        for shape in ("same", "wider", "other"):
            mesh.wait_for_agent(f"interop-{shape}")
        mesh.start_agent("typed_consumer.py", UPSTREAM_VENV)
        mesh.wait_for_agent("interop-consumer", resolved=2)
        mesh.wait_for_agent("interop-submitter", resolved=1)
        mesh.wait_for_agent("interop-typed-consumer", resolved=2)
        yield mesh


def printed(mesh: Mesh, *arguments: str) -> str:
    """What the published `meshctl` shows, without its colours."""
    return COLOUR.sub("", mesh.meshctl(*arguments, binary=UPSTREAM_MESHCTL))


def refusal(mesh: Mesh, *arguments: str) -> str:
    """What it says of something that it cannot do."""
    done = run([UPSTREAM_MESHCTL, *arguments], mesh.home, mesh.environment(UPSTREAM_VENV))
    assert done.returncode == 1, done
    return done.stderr


def cells(text: str, first: str) -> list[str]:
    """The line that begins with `first`, cut where two spaces or more stand."""
    line = next(line for line in text.splitlines() if line.strip().startswith(first))
    return re.split(r" {2,}", line.strip())


def fields(text: str) -> dict[str, str]:
    """The lines of the form `Name: value`."""
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def agent(mesh: Mesh, name: str) -> dict[str, Any]:
    found = mesh.agent(name)
    assert found, mesh.logs()
    return found


def test_list_shows_agents_with_their_wiring(small_mesh: Mesh) -> None:
    text = printed(small_mesh, "list")
    assert "8 agents (8 healthy)" in text
    consumer = agent(small_mesh, "interop-consumer")
    address = consumer["endpoint"].removeprefix("http://")
    shown = cells(text, consumer["id"])
    assert shown[1:7] == ["Python", "Agent", "healthy", "2/2", "1/1", address]

    listed = json.loads(printed(small_mesh, "list", "--json"))["agents"]
    assert {entry["name"]: entry["dependencies_resolved"] for entry in listed} == {
        "interop-consumer": 2,
        "interop-provider": 0,
        "interop-worker": 0,
        "interop-submitter": 1,
        "interop-same": 0,
        "interop-wider": 0,
        "interop-other": 0,
        "interop-typed-consumer": 2,
    }


def test_list_shows_tools_and_one_of_them_with_its_schema(small_mesh: Mesh) -> None:
    text = printed(small_mesh, "list", "--tools")
    assert "13 tool(s) found" in text
    provider = agent(small_mesh, "interop-provider")["id"]
    assert cells(text, "greet ") == ["greet", provider, "greeting", "plain,english"]

    text = printed(small_mesh, "list", "--tools=add")
    said = fields(text)
    assert (said["Agent"], said["Capability"], said["Version"]) == (provider, "addition", "2.0.0")
    assert said["Availability"] == "available"
    schema = json.loads(text.partition("Input Schema:")[2].partition("Example:")[0])
    assert schema["required"] == ["a", "b"]


def test_status_shows_who_provides_what(small_mesh: Mesh) -> None:
    consumer = agent(small_mesh, "interop-consumer")
    endpoint = agent(small_mesh, "interop-provider")["endpoint"]

    def whole() -> str:
        # The published registry replaces the rows one by one, while others read.
        text = printed(small_mesh, "status", consumer["id"])
        return text if "Dependencies (2):" in text else ""

    text = wait_for("both dependencies", whole, seconds=5)
    said = fields(text)
    assert (said["Status"], said["Endpoint"]) == ("healthy", consumer["endpoint"])
    assert said["Dependencies"] == "2/2"
    assert cells(text.partition("Dependencies (2):")[2], "greeting") == [
        "greeting",
        "greet",
        endpoint,
    ]

    assert "Found 8 healthy agent(s)" in printed(small_mesh, "status")

    def provided() -> bool:
        everything = json.loads(printed(small_mesh, "status", "--json"))
        mine = next(entry for entry in everything if entry["id"] == consumer["id"])
        rows = [(row["mcp_tool"], row["endpoint"]) for row in mine["dependency_resolutions"]]
        return sorted(rows) == [("add", endpoint), ("greet", endpoint)]

    wait_for("both as JSON", provided, seconds=5)


@pytest.mark.parametrize("tool", ["welcome", "{id}:welcome", "--use-proxy=false welcome"])
def test_call_reaches_an_agent(small_mesh: Mesh, tool: str) -> None:
    target = tool.format(id=agent(small_mesh, "interop-consumer")["id"]).split()
    answer = json.loads(printed(small_mesh, "call", *target, '{"name": "Ada"}'))
    assert structured(answer) == {"greeting": "hello Ada", "sum": {"sum": 5}}


def test_call_finds_a_tool_by_its_capability_or_says_that_it_is_not_there(small_mesh: Mesh) -> None:
    answer = json.loads(printed(small_mesh, "call", "addition", '{"a": 1, "b": 2}'))
    assert structured(answer) == {"sum": 3}
    assert "no agent found with tool 'nothing'" in refusal(small_mesh, "call", "nothing")


def test_audit_explains_a_choice(small_mesh: Mesh) -> None:
    text = printed(small_mesh, "audit", "interop-typed-consumer", "--function", "exact")
    chosen = agent(small_mesh, "interop-same")["id"]
    assert any(chosen in line and "exact" in line for line in text.splitlines()), text

    ids = {shape: agent(small_mesh, f"interop-{shape}")["id"] for shape in ("wider", "other")}
    text = printed(
        small_mesh, "audit", "interop-typed-consumer", "--explain", "--function", "loose"
    )
    assert f"✗ {ids['other']}:other — SchemaIncompatible" in text
    assert f"chosen: {ids['wider']}:wider (HighestScoreThenVersion)" in text
    assert f"✓ chosen: {ids['wider']}" in text

    said = json.loads(printed(small_mesh, "audit", "interop-typed-consumer", "--json"))
    latest = next(event for event in said["events"] if event["function_name"] == "loose")
    assert latest["trace"]["spec"]["schema_mode"] == "subset"
    assert "no agent found matching 'nobody'" in refusal(small_mesh, "audit", "nobody")


def published_hash(mesh: Mesh, *members: str) -> str:
    """The hash of the published object with these members."""
    schemas = HTTP.get(f"{mesh.url}/schemas", timeout=5).json()["schemas"]
    found = [
        entry["hash"]
        for entry in schemas
        if entry["canonical"].get("properties", {}).keys() == set(members)
        and entry["canonical"]["properties"]["age"] == {"type": "integer"}
    ]
    assert len(found) == 1, schemas
    return str(found[0])


def test_schemas_are_listed_and_compared(small_mesh: Mesh) -> None:
    same = published_hash(small_mesh, "name", "age")
    wider = published_hash(small_mesh, "name", "age", "city")
    text = printed(small_mesh, "list", "--schemas")
    assert cells(text, same[:12])[1] == "python"

    text = printed(small_mesh, "schema", "diff", same, wider)
    assert "+ city (string)" in text
    difference = json.loads(printed(small_mesh, "schema", "diff", same, wider, "--json"))["diff"]
    assert difference["only_in_b"] == [{"name": "city", "type": "string"}]
    assert (difference["only_in_a"], difference["type_changed"]) == ([], [])
    missing = refusal(small_mesh, "schema", "diff", same, "sha256:0")
    assert "schema not found: sha256:0" in missing


def test_a_job_is_shown_reclaimed_and_held_back_while_draining(small_mesh: Mesh) -> None:
    worker = agent(small_mesh, "interop-worker")["id"]
    submitter = agent(small_mesh, "interop-submitter")
    job = call(submitter["endpoint"], "order", {"pages": 1})["job"]

    def shown() -> dict[str, str]:
        return fields(printed(small_mesh, "job", "status", job))

    wait_for("the job to begin", lambda: shown().get("Progress") == "page 0")
    said = shown()
    assert (said["Job"], said["Capability"], said["Status"]) == (job, "rendering", "working")
    assert (said["Owner"], said["Claim epoch"]) == (worker, "1")
    assert said["Attempts"] == "1 / 2 (max_retries)"
    assert said["Submitted"].endswith(f"by {submitter['id']}")

    assert fields(printed(small_mesh, "registry", "drain"))["Live claims"] == "1"
    assert fields(printed(small_mesh, "registry", "status"))["Registry"].startswith("DRAINING")
    evicted = fields(printed(small_mesh, "job", "reclaim", job))
    assert evicted["Evicted owner"] == worker
    assert evicted["Claim epoch"].startswith("1 (unchanged")
    left = printed(small_mesh, "registry", "drain", "--wait", "--wait-timeout", "20")
    assert fields(left)["Live claims"] == "0"

    assert "job dispatch active" in printed(small_mesh, "registry", "resume")
    wait_for("the next claim", lambda: shown()["Claim epoch"] == "2")
    said = json.loads(printed(small_mesh, "job", "status", job, "--json"))
    assert (said["owner_instance_id"], said["attempt_count"]) == (worker, 2)
    call(submitter["endpoint"], "call_off", {"job_id": job})
    assert shown()["Status"] == "cancelled"
    assert shown()["Error"] == "cancelled: enough"

    for action in ("status", "reclaim"):
        assert "job not found: nothing" in refusal(small_mesh, "job", action, "nothing"), action
    assert "terminal" in refusal(small_mesh, "job", "reclaim", job)


def test_a_trace_that_nobody_collected_is_not_found(small_mesh: Mesh) -> None:
    for more in ([], ["--json"]):
        said = refusal(small_mesh, "trace", UNKNOWN, "--retries", "0", *more)
        assert f"trace '{UNKNOWN}' not found" in said


def test_a_rotation_asks_every_agent(small_mesh: Mesh) -> None:
    assert "8 agent(s) will re-register" in printed(small_mesh, "entity", "rotate")
    small_mesh.wait_for_agent("interop-consumer", resolved=2)
