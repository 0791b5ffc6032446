"""Every refusal of the surface, one request each: what §2 and §15 of the protocol list as codes."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import httpx
import pytest
from mesh_harness import free_port, wait_for
from wire import Json, Registry, agent, tool

UNKNOWN = "00000000-0000-4000-8000-000000000000"
WORKER = {"instance_id": "worker-1"}
JOB = {"capability": "render", "submitted_by": "cli-1", "submitted_payload": {}}
CLAIM = {"capability": "render", **WORKER}
UNREADABLE = b"{"

# Method, path, what is sent, and the code. `live` is a job of worker-1, `over` a finished one.
REFUSED: list[tuple[str, str, Json, int]] = [
    ("POST", "/heartbeat", UNREADABLE, 400),
    ("POST", "/heartbeat", {"agent_id": 1}, 400),
    ("POST", "/heartbeat", {}, 400),
    ("HEAD", "/heartbeat/nobody-1", None, 410),
    ("GET", "/agents?fuzzy=perhaps", None, 400),
    ("GET", "/events?limit=abc", None, 400),
    ("GET", "/schemas?limit=abc", None, 400),
    ("GET", "/schemas/sha256:0", None, 404),
    ("POST", "/jobs", UNREADABLE, 400),
    ("POST", "/jobs", {**JOB, "capability": ""}, 400),
    ("POST", "/jobs", {**JOB, "submitted_by": ""}, 400),
    ("POST", "/jobs", {**JOB, "submitted_payload": None}, 400),
    ("POST", "/jobs", {**JOB, "submitted_payload": "text"}, 400),
    ("POST", "/jobs", {**JOB, "max_retries": -1}, 400),
    ("POST", "/jobs", {**JOB, "max_duration": 0}, 400),
    ("GET", "/jobs?limit=0", None, 400),
    ("GET", "/jobs?limit=201", None, 400),
    ("GET", "/jobs?limit=abc", None, 400),
    ("GET", "/jobs?status=x", None, 400),
    ("GET", "/jobs?cursor=%25", None, 400),
    ("GET", f"/jobs/{UNKNOWN}", None, 404),
    ("POST", "/jobs/claim", UNREADABLE, 400),
    ("POST", "/jobs/claim", {"capability": "render"}, 400),
    ("POST", "/jobs/claim", WORKER, 400),
    ("POST", "/jobs/batch", UNREADABLE, 400),
    ("POST", "/jobs/batch", {"deltas": [{"id": UNKNOWN}]}, 400),
    ("POST", "/jobs/batch", {**WORKER, "deltas": []}, 400),
    ("POST", "/jobs/batch", {**WORKER, "deltas": [{"progress": 0.5}]}, 400),
    ("POST", "/jobs/{live}/cancel", UNREADABLE, 400),
    ("POST", f"/jobs/{UNKNOWN}/cancel", {}, 404),
    ("POST", "/jobs/{over}/cancel", {}, 409),
    ("POST", "/jobs/{live}/release", UNREADABLE, 400),
    ("POST", "/jobs/{live}/release", {}, 400),
    ("POST", "/jobs/{live}/release", {"instance_id": "worker-2"}, 403),
    ("POST", f"/jobs/{UNKNOWN}/release", WORKER, 404),
    ("POST", "/jobs/{over}/release", WORKER, 409),
    ("POST", f"/jobs/{UNKNOWN}/reclaim", None, 404),
    ("POST", "/jobs/{over}/reclaim", None, 409),
    ("POST", "/jobs/{live}/events", UNREADABLE, 400),
    ("POST", "/jobs/{live}/events", {"type": " "}, 400),
    ("POST", f"/jobs/{UNKNOWN}/events", {"type": "go"}, 404),
    ("POST", "/jobs/{over}/events", {"type": "go"}, 409),
    ("GET", "/jobs/{live}/events?after=abc", None, 400),
    ("GET", "/jobs/{live}/events?instance_id=worker-1", None, 400),
    ("GET", "/jobs/{live}/events?claim_epoch=1", None, 400),
    ("GET", f"/jobs/{UNKNOWN}/events", None, 404),
    ("GET", "/jobs/{live}/events?instance_id=worker-1&claim_epoch=9", None, 409),
    ("GET", "/jobs/{live}/events?instance_id=worker-2&claim_epoch=1", None, 409),
    ("POST", "/proxy/127.0.0.1:{dead}", {}, 400),
    ("POST", "/proxy/127.0.0.1:{dead}/admin", {}, 400),
    ("POST", "/proxy/127.0.0.1:1/mcp", {}, 403),
    ("GET", "/proxy/127.0.0.1:{dead}/mcp", None, 502),
    ("POST", "/proxy/127.0.0.1:{dead}/mcp", {}, 502),
    ("GET", f"/trace/{UNKNOWN}", None, 404),
]


def send(registry: Registry, method: str, path: str, sent: Json) -> httpx.Response:
    if isinstance(sent, bytes):
        kind = {"Content-Type": "application/json"}
        return registry.http.request(method, path, content=sent, headers=kind)
    return registry.http.request(method, path, json=sent)


def test_every_refusal_has_its_code_and_says_why(registry: Registry) -> None:
    dead = free_port()
    registry.register(agent("dead-1", tool("dead"), port=dead))
    over = registry.create_job()
    registry.post(f"/jobs/{over}/cancel", {})
    live = registry.create_job()
    assert [job["id"] for job in registry.claim("worker-1")] == [live]

    wrong = []
    for method, template, sent, status in REFUSED:
        path = template.format(live=live, over=over, dead=dead)
        response = send(registry, method, path, sent)
        said = "" if method == "HEAD" else response.json()
        reason = said and (said.get("error") or said.get("msg"))
        if response.status_code != status or (method != "HEAD" and not reason):
            wrong.append((method, template, sent, status, response.status_code, response.text))
    assert not wrong
    assert registry.job(live)["status"] == "working", "no refusal has changed anything"


LIMITED = ["/heartbeat", "/jobs", "/jobs/claim", "/jobs/batch"]
LIMITED += [f"/jobs/{{job}}/{action}" for action in ("cancel", "release", "events")]


@pytest.mark.ours_only
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_a_body_beyond_ten_megabytes_is_413_everywhere(registry: Registry, announced: bool) -> None:
    job = registry.create_job()
    too_much = 10 * 1024 * 1024 + 1

    def chunks() -> Iterator[bytes]:
        for begin in range(0, too_much, 65536):
            yield b" " * min(65536, too_much - begin)

    for template in LIMITED:
        path = template.format(job=job)
        body = b" " * too_much if announced else chunks()
        response = registry.http.post(path, content=body)
        assert response.status_code == 413, path
        assert "MCP_MESH_MAX_REQUEST_BODY_BYTES" in response.json()["hint"], path


WRITES: list[tuple[str, str, Json]] = [
    ("POST", "/heartbeat", agent("late-1", tool("late"))),
    ("DELETE", "/agents/clock-1", None),
    ("POST", "/jobs", JOB),
    ("POST", "/jobs/claim", CLAIM),
    ("POST", "/jobs/batch", {**WORKER, "deltas": [{"id": UNKNOWN}]}),
    ("POST", "/jobs/{job}/cancel", {}),
    ("POST", "/jobs/{job}/release", WORKER),
    ("POST", "/jobs/{job}/reclaim", None),
    ("POST", "/jobs/{job}/events", {"type": "go"}),
    ("POST", "/admin/rotate", None),
    ("POST", "/admin/drain", None),
    ("DELETE", "/admin/drain", None),
]
READS: list[tuple[str, str, Json]] = [
    ("GET", "/events", None),
    ("GET", "/schemas", None),
    ("GET", "/schemas/sha256:0", None),
    ("GET", "/jobs", None),
    ("GET", "/jobs/{job}", None),
    ("GET", "/jobs/{job}/events", None),
    ("GET", "/jobs/{job}/events?wait=1", None),
    ("GET", "/jobs/{job}/events?instance_id=worker-1&claim_epoch=1", None),
    ("GET", "/admin/drain", None),
]


@contextmanager
def moved_aside(database: Path) -> Iterator[None]:
    """The file is gone, and comes back as it was."""
    aside = database.with_suffix(".aside")
    database.rename(aside)
    try:
        yield
    finally:
        aside.rename(database)


@contextmanager
def unreadable(database: Path) -> Iterator[None]:
    """The file is there, and nothing is found in it; later it is."""

    def rename(before: str, after: str) -> None:
        with closing(sqlite3.connect(database)) as connection:
            # Without this, whatever refers to a table would follow it.
            connection.execute("PRAGMA legacy_alter_table = ON")
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            ).fetchall()
            for (name,) in names:
                if name.startswith(before):
                    changed = after + name.removeprefix(before)
                    connection.execute(f'ALTER TABLE "{name}" RENAME TO "{changed}"')
            connection.commit()

    rename("", "aside_")
    try:
        yield
    finally:
        rename("aside_", "")


@pytest.mark.ours_only
@pytest.mark.parametrize(
    ("outage", "requests"),
    [pytest.param(moved_aside, WRITES, id="writes"), pytest.param(unreadable, READS, id="reads")],
)
def test_12_without_its_database_what_needs_it_is_503(
    registry: Registry,
    outage: Callable[[Path], AbstractContextManager[None]],
    requests: list[tuple[str, str, Json]],
) -> None:
    registry.register(agent("clock-1", tool("time")))
    job = registry.create_job()
    assert registry.claim("worker-1")
    with outage(registry.mesh.home / "registry.db"):
        for method, template, sent in requests:
            response = send(registry, method, template.format(job=job), sent)
            assert response.status_code == 503, (method, template, response.text)
            assert response.json()["error"] == "the store does not answer", (method, template)
            assert response.json()["hint"], (method, template)
        assert registry.get("/ready").status_code == 503
        # Alive all the same: a restart would not bring the database back.
        assert registry.get("/health").status_code == 200
    wait_for("the registry to be ready", lambda: registry.get("/ready").status_code == 200)
    for method, template, sent in requests:
        response = send(registry, method, template.format(job=job), sent)
        assert response.status_code < 500, (method, template, response.text)
