"""Jobs as those see them who submit and follow them: in tools, in scripts, through helper tools."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import Agents, call, get, wait_for
from job_mesh import SCRIPTS, ended, job, listed, start_worker, submit, tell, wait_for_job
from real_mesh import address, real_mesh

import mesh


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    """A worker and a submitter that is wired to it."""
    with real_mesh(tmp_path_factory.mktemp("jobs")) as agents:
        start_worker(agents)
        agents.start((SCRIPTS / "job_submitter.py").read_text(), name="submitter")
        wait_for("the submitter", lambda: listed(agents, "submitter"))
        yield agents


@pytest.fixture
def outside(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> Agents:
    """This process, which is no agent, asks the registry of the others."""
    monkeypatch.setenv("MCP_MESH_REGISTRY_URL", agents.registry_url)
    return agents


def ask(agents: Agents, tool: str, **arguments: Any) -> Any:
    answer = call(address(agents, "submitter"), tool, **arguments)
    assert not answer["isError"], answer
    return answer["structuredContent"]


def test_a_job_is_submitted_and_waited_for(agents: Agents) -> None:
    answer = ask(agents, "order", n=4)
    status = answer["status"]
    assert answer["result"] == {"twice": 8, "on": "2026-01-01", "job": status["id"]}
    submitter = listed(agents, "submitter")
    assert submitter is not None
    expected = {
        "status": "completed",
        "capability": "double",
        "submitted_payload": {"n": 4},
        "submitted_by": submitter["id"],
        "max_retries": 2,
        "max_duration": 60,
    }
    assert expected.items() <= status.items()
    assert status["total_deadline"] > status["submitted_at"]
    assert answer["job"] == "<MeshJob that submits to double>"


def test_defect_05_a_def_tool_gets_results_and_no_coroutines(agents: Agents) -> None:
    assert ask(agents, "order_blocking") == {
        "result": {"answer": {"yes": 1}, "nothing": None},
        "seq": 1,
        "events": [["answer"], 1],
        "status": "completed",
        "late": "JobTerminalError",
        "cancel": "JobTerminalError",
    }


async def test_a_wait_outlasts_the_question(agents: Agents) -> None:
    asked = asyncio.create_task(asyncio.to_thread(ask, agents, "converse"))
    found: dict[str, Any] = {}

    def look() -> bool:
        query = f"{agents.registry_url}/jobs?status=input_required&capability=asks"
        jobs = get(query)[1]["jobs"]
        found.update(jobs[0] if jobs else {})
        return bool(jobs)

    await asyncio.to_thread(wait_for, "the question", look)
    await asyncio.to_thread(tell, agents, found["id"], "answer", {"go": 1})
    result = {"answer": {"go": 1}, "nothing": None}
    assert await asked == {"seen": [{"go": 1}], "result": result}


def test_a_job_may_be_submitted_before_anybody_works_on_it(agents: Agents) -> None:
    answer = ask(agents, "nobody_works")
    assert answer == {"error": "job ID cancelled: cancelled: enough"}
    refused = call(address(agents, "submitter"), "must_have")
    assert refused["isError"]
    assert '"dependency_unavailable"' in refused["content"][0]["text"]


def test_defect_27_every_agent_answers_for_every_job(agents: Agents) -> None:
    url = address(agents, "submitter")
    for agent in agents.started:
        assert "__mesh_job" not in agent.errors()
    failed = submit(agents, "fails")
    ended(agents, failed)
    waiting = submit(agents, "nobody")
    assert helper(url, "status", failed)["error"] == "no way"
    result = {"status": "failed", "result": None, "error": "no way"}
    assert helper(url, "result", failed) == result
    assert helper(url, "cancel", waiting, reason="enough") == {"ok": True, "job_id": waiting}
    assert job(agents, waiting)["error"] == "cancelled: enough"
    unknown = call(url, "__mesh_job_status", job_id="nope")
    assert "the registry knows no job `nope`" in unknown["content"][0]["text"]


def helper(url: str, name: str, job_id: str, **more: Any) -> Any:
    return call(url, f"__mesh_job_{name}", job_id=job_id, **more)["structuredContent"]


async def test_a_program_that_is_no_agent_follows_jobs_too(outside: Agents) -> None:
    job_id = submit(outside, "asks")
    await asyncio.to_thread(wait_for_job, outside, job_id, status="input_required")
    assert (await mesh.jobs.status(job_id))["progress_message"] == "which one?"
    receipt = await mesh.jobs.post_event(job_id, "answer")
    assert receipt["seq"] == 1
    assert await mesh.jobs.wait(job_id, 20) == {"answer": {}, "nothing": None}
    with pytest.raises(mesh.JobTerminalError, match=job_id):
        await mesh.jobs.post_event(job_id, "answer")
    with pytest.raises(mesh.JobTerminalError):
        await mesh.jobs.cancel(job_id)


async def test_an_unknown_job_is_an_error_of_its_own(outside: Agents) -> None:
    for asking in (
        mesh.jobs.status("nope"),
        mesh.jobs.wait("nope"),
        mesh.jobs.cancel("nope"),
        mesh.jobs.post_event("nope", "x"),
        anext(mesh.jobs.subscribe_events("nope")),
    ):
        with pytest.raises(mesh.JobNotFoundError, match="knows no job `nope`"):
            await asking
    assert issubclass(mesh.JobNotFoundError, RuntimeError)


async def test_failures_are_told_apart_from_time_outs(outside: Agents) -> None:
    with pytest.raises(RuntimeError, match="failed: no way"):
        await mesh.jobs.wait(submit(outside, "fails"), 20)
    waiting = submit(outside, "nobody")
    with pytest.raises(TimeoutError, match=r"is not over after 0\.05 s"):
        await mesh.jobs.wait(waiting, 0.05)
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="timeout_secs must be 0 or more"):
            await mesh.jobs.wait(waiting, seconds)
    await mesh.jobs.cancel(waiting, "enough")
    with pytest.raises(RuntimeError, match="cancelled: enough"):
        await mesh.jobs.wait(waiting)


async def test_without_a_registry_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MESH_REGISTRY_URL", "http://127.0.0.1:9")
    with pytest.raises(RuntimeError, match=r"failed to reach .*127\.0\.0\.1:9"):
        await mesh.jobs.status("any")


def test_a_script_ends_although_it_has_asked_for_jobs(outside: Agents, tmp_path: Path) -> None:
    job_id = submit(outside, "words")
    code = f"import asyncio, mesh; print(asyncio.run(mesh.jobs.wait({job_id!r}, 20)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain\n", "")


def test_a_script_ends_when_its_answers_are_handed_over(outside: Agents) -> None:
    # A thread that waits for the interpreter while it is taken down would abort the process.
    job_id = submit(outside, "words")
    code = f"""
import asyncio, time, mesh

class Slow(asyncio.SelectorEventLoop):
    def call_soon_threadsafe(self, *arguments, **options):
        handle = super().call_soon_threadsafe(*arguments, **options)
        time.sleep(0.3)  # The loop goes on meanwhile, to the end of the program.
        print("handed over")
        return handle

with asyncio.Runner(loop_factory=Slow) as runner:
    print(runner.run(mesh.jobs.wait({job_id!r}, 20)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "plain\nhanded over\n"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_retries": -1}, "max_retries must be a whole number of at least 0"),
        ({"max_retries": 1.5}, "max_retries must be a whole number of at least 0"),
        ({"max_duration": 0}, "max_duration must be more than 0 seconds"),
        ({"max_duration": float("inf")}, "max_duration must be more than 0 seconds"),
        ({"total_deadline": 5}, "total_deadline must be a datetime"),
    ],
)
def test_the_limits_of_a_job_are_checked(limits: dict[str, Any], message: str) -> None:
    from mesh.working.submitter import limits as checked

    with pytest.raises(ValueError, match=message):
        checked(**{"max_duration": None, "max_retries": None, "total_deadline": None} | limits)


def test_a_job_says_which_side_it_is_for() -> None:
    job = mesh.MeshJob()
    with pytest.raises(AttributeError, match="a tool with task=True works on a job"):
        job.submit()
    with pytest.raises(AttributeError, match=r"MeshJob\.job_id is not for this tool"):
        _ = job.job_id
