"""Jobs with the real registry: worked on, told things, cancelled, lost and claimed again."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, call_with_headers, free_port, wait_for
from job_mesh import ended, job, listed, post, start_worker, submit, tell, wait_for_job
from real_mesh import address, real_mesh, registry_at


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    """A registry and one worker, for the tests that leave both as they are."""
    with real_mesh(tmp_path_factory.mktemp("jobs")) as agents:
        start_worker(agents)
        yield agents


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    """A registry of this test's own."""
    with real_mesh(tmp_path) as agents:
        yield agents


def completed(agents: Agents, capability: str) -> str:
    job_id = submit(agents, capability)
    assert ended(agents, job_id)[0] == "completed"
    return job_id


@pytest.mark.parametrize(
    ("capability", "payload", "limits", "expected"),
    [
        ("page", {}, {}, {"number": 1, "on": "2026-01-02"}),
        ("words", {}, {}, "plain"),
        ("early", {}, {}, {"said": "early"}),
        ("flaky", {"until": 2}, {}, {"attempt": 2}),
        # What gives no sign of life is called off and tried again; what gives some goes on.
        ("silent", {}, {"max_duration": 1}, {"attempt": 2}),
        ("busy", {}, {"max_duration": 1}, {"attempt": 1}),
        ("with_context", {"n": 1}, {}, {"n": 1, "server": "worker", "job": True}),
    ],
)
def test_a_job_completes_with_what_its_task_returns(
    shared: Agents, capability: str, payload: dict[str, Any], limits: dict[str, Any], expected: Any
) -> None:
    job_id = submit(shared, capability, payload, **limits)
    assert ended(shared, job_id) == ("completed", expected)
    assert job(shared, job_id)["progress"] == 1.0


@pytest.mark.parametrize(
    ("capability", "payload", "limits", "error"),
    [
        ("fails", {}, {}, "no way"),
        ("fails_itself", {}, {}, "as planned"),
        ("flaky", {"until": 9}, {"max_retries": 0}, "exhausted (release): ConnectionError: gone"),
    ],
)
def test_a_job_fails_with_the_reason(
    shared: Agents, capability: str, payload: dict[str, Any], limits: dict[str, Any], error: str
) -> None:
    assert ended(shared, submit(shared, capability, payload, **limits)) == ("failed", error)


def test_a_silent_job_without_attempts_left_fails(shared: Agents) -> None:
    status, error = ended(shared, submit(shared, "silent", max_retries=0, max_duration=1))
    assert status == "failed"
    # The worker and the registry both watch the lease.
    assert error in (
        "exhausted (release): no sign of life within max_duration",
        "lease expired: no completion within lease window",
    )


def test_arguments_are_those_of_a_call(shared: Agents) -> None:
    job_id = submit(shared, "double", {"n": "4", "on": "2026-02-03"})
    expected = {"twice": 8, "on": "2026-02-03", "job": job_id}
    assert ended(shared, job_id) == ("completed", expected)
    for payload, part in (
        ({"n": "many"}, "should be a valid integer"),
        ({"n": 1, "m": 2}, "Unexpected keyword argument"),
    ):
        status, error = ended(shared, submit(shared, "double", payload))
        assert status == "failed"
        assert part in error


def test_called_without_a_job_a_task_is_an_ordinary_tool(shared: Agents) -> None:
    answer = call(address(shared, "worker"), "double", n=2)
    assert answer["structuredContent"] == {"twice": 4, "on": "2026-01-01", "job": None}


def test_defect_15_a_question_brings_the_unsent_progress_along(shared: Agents) -> None:
    job_id = submit(shared, "asks")
    asking = wait_for_job(shared, job_id, status="input_required")
    assert (asking["progress"], asking["progress_message"]) == (0.75, "which one?")
    tell(shared, job_id, "other", {"no": 1})
    tell(shared, job_id, "answer", {"yes": 1})
    expected = {"answer": {"yes": 1}, "nothing": None}
    assert ended(shared, job_id) == ("completed", expected)
    assert job(shared, job_id)["recv_cursor"] == {"answer": 2}


@pytest.mark.parametrize(("capability", "second"), [("reads", "two"), ("replays", "one")])
def test_a_later_attempt_reads_on_or_from_the_start(
    shared: Agents, capability: str, second: str
) -> None:
    job_id = submit(shared, capability)
    tell(shared, job_id, "line", "one")
    tell(shared, job_id, "line", "two")
    assert ended(shared, job_id) == ("completed", {"second": second})


def test_a_cancelled_job_stops_where_it_runs(shared: Agents) -> None:
    (worker,) = shared.started
    job_id = submit(shared, "waits")
    wait_for_job(shared, job_id, progress=0.25)
    said = worker.output().count("called off")
    assert post(f"{shared.registry_url}/jobs/{job_id}/cancel", {"reason": "enough"})[0] == 200
    wait_for("the handler", lambda: worker.output().count("called off") == said + 1)
    assert ended(shared, job_id) == ("cancelled", "cancelled: enough")


def test_a_handler_that_listens_hears_of_the_cancel_first(shared: Agents) -> None:
    (worker,) = shared.started
    job_id = submit(shared, "hears")
    wait_for_job(shared, job_id, claim_epoch=1)
    post(f"{shared.registry_url}/jobs/{job_id}/cancel", {"reason": "enough"})
    heard = f"{job_id} heard cancelled {{'reason': 'enough'}}"
    wait_for("the event", lambda: heard in worker.output())


def test_a_cancel_of_what_does_not_run_here_says_so(shared: Agents) -> None:
    answer = post(f"{address(shared, 'worker')}/jobs/unknown/cancel", {})
    assert answer == (200, {"cancelled": False, "job_id": "unknown"})


def test_a_claim_that_was_overtaken_is_called_off(shared: Agents) -> None:
    (worker,) = shared.started
    job_id = submit(shared, "asks", max_retries=3)
    wait_for_job(shared, job_id, status="input_required", claim_epoch=1)
    assert post(f"{shared.registry_url}/jobs/{job_id}/reclaim", {})[0] == 200
    wait_for_job(shared, job_id, status="input_required", claim_epoch=2)
    # Both attempts wait for it; only the later one counts.
    tell(shared, job_id, "answer", 1)
    assert ended(shared, job_id) == ("completed", {"answer": 1, "nothing": None})
    overtaken = f"job {job_id}: somebody else has claimed the job"
    wait_for("the end of the first", lambda: overtaken in worker.errors())


def test_calls_of_a_job_say_which_job_calls(shared: Agents) -> None:
    job_id = submit(shared, "calls")
    assert ended(shared, job_id) == ("completed", {"job": job_id, "epoch": 1})


def test_four_jobs_of_a_capability_at_a_time(shared: Agents) -> None:
    jobs = [submit(shared, "waits") for _ in range(6)]
    wait_for("four claims", lambda: sum(job(shared, each)["claim_epoch"] for each in jobs) == 4)
    # Another capability is not held up.
    completed(shared, "words")
    assert sorted(job(shared, each)["claim_epoch"] for each in jobs) == [0, 0, 1, 1, 1, 1]
    for each in jobs:
        post(f"{shared.registry_url}/jobs/{each}/cancel", {})
    assert ended(shared, submit(shared, "waits", max_duration=1, max_retries=0))[0] == "failed"


def test_defect_14_a_job_that_a_call_hands_over_is_worked_on(shared: Agents) -> None:
    worker = listed(shared, "worker")
    assert worker is not None
    job_id = submit(shared, "double", {"n": 3}, owner_instance_id=worker["id"])
    answer, _ = call_with_headers(worker["endpoint"], "double", {"x-mesh-job-id": job_id}, {"n": 3})
    result = {"twice": 6, "on": "2026-01-01", "job": job_id}
    assert answer["structuredContent"] == result
    assert ended(shared, job_id) == ("completed", result)

    failing = submit(shared, "fails", owner_instance_id=worker["id"])
    answer, _ = call_with_headers(worker["endpoint"], "fails", {"x-mesh-job-id": failing}, {})
    assert answer["isError"]
    assert ended(shared, failing) == ("failed", "no way")


def with_job(agents: Agents, capability: str) -> tuple[AgentProcess, str]:
    """A worker that has claimed a job, and the job."""
    first = start_worker(agents, "first", health_interval="1")
    job_id = submit(agents, capability, max_retries=2)
    wait_for_job(agents, job_id, claim_epoch=1)
    return first, job_id


def test_the_job_of_a_stopped_worker_goes_on_at_another_at_once(agents: Agents) -> None:
    first, job_id = with_job(agents, "stubborn")
    wait_for_job(agents, job_id, progress=0.1)
    start_worker(agents, "second")
    assert first.stop() == 0
    assert ended(agents, job_id) == ("completed", {"attempt": 2})
    assert "Traceback" not in first.errors()


def test_defect_23_a_stop_in_the_middle_of_a_job_leaves_no_trace(agents: Agents) -> None:
    first, job_id = with_job(agents, "waits")
    wait_for_job(agents, job_id, progress=0.25)
    assert first.stop() == 0
    assert "Traceback" not in first.errors()
    assert f"called off {job_id}" in first.output()
    released = wait_for_job(agents, job_id, owner_instance_id=None)
    assert (released["status"], released["attempt_count"]) == ("working", 1)


def test_a_job_outlasts_the_absence_of_the_registry(tmp_path: Path) -> None:
    port = free_port()
    with registry_at(port, tmp_path) as url:
        agents = Agents(tmp_path, url)
        worker = start_worker(agents, health_interval="1")
        job_id = submit(agents, "asks")
        wait_for_job(agents, job_id, status="input_required")
        later = submit(agents, "nobody")
    try:
        with registry_at(port, tmp_path):
            wait_for("the worker", lambda: listed(agents, "worker"))
            tell(agents, job_id, "answer", "back again")
            expected = {"answer": "back again", "nothing": None}
            assert ended(agents, job_id) == ("completed", expected)
            assert job(agents, job_id)["attempt_count"] == 1
            # Claims go on as well, and what nobody claims waits.
            completed(agents, "words")
            assert job(agents, later)["claim_epoch"] == 0
            assert worker.stop() == 0
    finally:
        agents.close()


def test_the_job_of_a_killed_worker_is_claimed_again(tmp_path: Path) -> None:
    quick = {"HEALTH_CHECK_INTERVAL": "1", "DEFAULT_TIMEOUT_THRESHOLD": "3"}
    with real_mesh(tmp_path, **quick) as agents:
        first, job_id = with_job(agents, "silent")
        first.stop(signal.SIGKILL)
        start_worker(agents, "second", health_interval="1")
        assert ended(agents, job_id) == ("completed", {"attempt": 2})
