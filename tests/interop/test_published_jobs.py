"""Jobs of the published package and of ours, mixed, kept by either registry."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mesh_harness import (
    OUR_REGISTRY,
    OUR_VENV,
    UPSTREAM_REGISTRY,
    UPSTREAM_VENV,
    Mesh,
    Started,
    call,
    wait_for,
)
from plain_http import HTTP


@dataclass(frozen=True)
class Parties:
    """Who keeps the jobs, who works on them and who submits them."""

    registry: Path
    worker: Path
    submitter: Path


MIXED = pytest.mark.parametrize(
    "parties",
    [
        pytest.param(Parties(OUR_REGISTRY, UPSTREAM_VENV, UPSTREAM_VENV), id="our-registry"),
        pytest.param(Parties(UPSTREAM_REGISTRY, UPSTREAM_VENV, UPSTREAM_VENV), id="all-its-own"),
        pytest.param(Parties(OUR_REGISTRY, OUR_VENV, UPSTREAM_VENV), id="our-worker"),
        pytest.param(Parties(OUR_REGISTRY, UPSTREAM_VENV, OUR_VENV), id="our-submitter"),
        pytest.param(Parties(UPSTREAM_REGISTRY, OUR_VENV, OUR_VENV), id="its-registry"),
    ],
)


def start(mesh: Mesh, parties: Parties) -> Started:
    """A registry, the submitter and one worker, wired; returns the worker."""
    mesh.start_registry(parties.registry)
    worker = mesh.start_agent("worker.py", parties.worker)
    mesh.wait_for_agent("interop-worker")
    mesh.start_agent("submitter.py", parties.submitter)
    mesh.wait_for_agent("interop-submitter", resolved=1)
    return worker


def ask(mesh: Mesh, tool: str, **arguments: Any) -> Any:
    """What the submitter's tool answers."""
    submitter = mesh.agent("interop-submitter")
    assert submitter, mesh.logs()
    return call(submitter["endpoint"], tool, arguments)


def order(mesh: Mesh, pages: int) -> str:
    answer = ask(mesh, "order", pages=pages)
    assert isinstance(answer, dict) and "job" in answer, f"{answer}\n{mesh.logs()}"
    job_id: str = answer["job"]
    return job_id


def job(mesh: Mesh, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = HTTP.get(f"{mesh.url}/jobs/{job_id}", timeout=5).json()
    return found


def wait_for_page(mesh: Mesh, job_id: str, page: int, epoch: int = 1) -> dict[str, Any]:
    """Waits until the claim of `epoch` has come to `page`."""

    def reached() -> dict[str, Any] | None:
        now = job(mesh, job_id)
        there = (now["progress_message"], now["claim_epoch"]) == (f"page {page}", epoch)
        return now if there else None

    try:
        return wait_for(f"page {page} of claim {epoch}", reached, seconds=60)
    except AssertionError as error:
        raise AssertionError(f"{error}; {job(mesh, job_id)}\n{mesh.logs()}") from None


@MIXED
def test_its_job_is_submitted_followed_and_completed(mesh: Mesh, parties: Parties) -> None:
    start(mesh, parties)
    job_id = order(mesh, pages=2)
    worked_on = wait_for_page(mesh, job_id, 0)
    worker = mesh.agent("interop-worker")
    assert worker and worked_on["owner_instance_id"] == worker["id"]

    ask(mesh, "turn", job_id=job_id, note="first")
    assert wait_for_page(mesh, job_id, 1)["progress"] == 0.5
    ask(mesh, "turn", job_id=job_id, note="second")
    outcome = {"pages": 2, "turned": [{"note": "first"}, {"note": "second"}]}
    assert ask(mesh, "collect", job_id=job_id) == {"outcome": outcome}, mesh.logs()
    done = job(mesh, job_id)
    assert (done["status"], done["result"], done["error"]) == ("completed", outcome, None)
    assert (done["claim_epoch"], done["attempt_count"]) == (1, 1)


@MIXED
def test_its_cancelled_job_stops_where_it_runs(mesh: Mesh, parties: Parties) -> None:
    worker = start(mesh, parties)
    job_id = order(mesh, pages=1)
    wait_for_page(mesh, job_id, 0)
    ask(mesh, "call_off", job_id=job_id)
    ended = job(mesh, job_id)
    assert (ended["status"], ended["error"]) == ("cancelled", "cancelled: enough")
    wait_for("the handler to be called off", lambda: "called off" in worker.text(), seconds=15)
    assert job(mesh, job_id)["status"] == "cancelled", "nothing overwrites it"


@pytest.mark.parametrize(
    ("former", "latter"),
    [
        pytest.param(UPSTREAM_VENV, UPSTREAM_VENV, id="its-own"),
        pytest.param(UPSTREAM_VENV, OUR_VENV, id="ours-after-its-own"),
        pytest.param(OUR_VENV, UPSTREAM_VENV, id="its-own-after-ours"),
    ],
)
def test_the_job_of_a_killed_worker_is_done_by_the_next(
    mesh: Mesh, former: Path, latter: Path
) -> None:
    worker = start(mesh, Parties(OUR_REGISTRY, former, UPSTREAM_VENV))
    job_id = order(mesh, pages=1)
    first_owner = wait_for_page(mesh, job_id, 0)["owner_instance_id"]
    worker.stop(signal.SIGKILL)
    mesh.start_agent("worker.py", latter)
    second = wait_for_page(mesh, job_id, 0, epoch=2)
    assert second["owner_instance_id"] != first_owner
    ask(mesh, "turn", job_id=job_id, note="again")
    outcome = {"pages": 1, "turned": [{"note": "again"}]}
    assert ask(mesh, "collect", job_id=job_id) == {"outcome": outcome}, mesh.logs()


@pytest.mark.parametrize(
    ("keeper", "bringer"),
    [
        pytest.param(UPSTREAM_VENV, OUR_VENV, id="our-job"),
        pytest.param(OUR_VENV, UPSTREAM_VENV, id="its-job"),
    ],
)
def test_a_job_is_known_by_its_calls_and_learns_that_it_is_late(
    mesh: Mesh, keeper: Path, bringer: Path
) -> None:
    mesh.start_registry(OUR_REGISTRY)
    mesh.start_agent("keeper.py", keeper)
    mesh.start_agent("bringer.py", bringer)
    mesh.wait_for_agent("interop-keeper")
    mesh.wait_for_agent("interop-bringer", resolved=1)
    request = {"capability": "bringing", "submitted_payload": {}, "submitted_by": "tester"}
    job_id = HTTP.post(f"{mesh.url}/jobs", json=request, timeout=5).json()["id"]
    wait_for("the end of the job", lambda: job(mesh, job_id)["status"] not in ("working",))
    assert job(mesh, job_id)["result"] == {
        "job": job_id,
        "kept": {"job": job_id, "epoch": 1},
        "refused": "somebody was here before",
    }, mesh.logs()
