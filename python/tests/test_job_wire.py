"""What is said about jobs on the wire, field for field as published agents say it, and what happens
when a registry answers late, oddly or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fake_mesh import FakeRegistry, Request

import mesh
from mesh.calling.membership import Membership
from mesh.declaring.catalogue import catalogue
from mesh.working import claims, proxy, reporter
from mesh.working.claims import working

Join = Callable[..., Awaitable[Membership]]
Answer = tuple[int, Any]


@dataclass
class JobRegistry(FakeRegistry):
    """A registry of 3.8: it hands out `waiting` and never waits itself."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    deltas: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    # By job, what it is told.
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    # Answers to requests whose path begins so, one after the other, before the usual ones.
    instead: dict[str, list[Answer]] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)

    def _handle(self, request: Request) -> None:
        if not request.path.startswith("/jobs"):
            super()._handle(request)
            return
        body = request.json() if request.body else None
        if request.path != "/jobs/claim":
            self.asked.append((request.method, request.path, body))
        for path, answers in self.instead.items():
            if request.path.startswith(path) and answers:
                status, answer = answers.pop(0)
                request.answer(status, json.dumps(answer))
                return
        status, answer = self._answer(request.path, body)
        request.answer(status, "" if status == 204 else json.dumps(answer))

    def _answer(self, path: str, body: Any) -> Answer:
        if path == "/jobs/claim":
            mine = [each for each in self.waiting if each["capability"] == body["capability"]]
            if not mine:
                return 204, None
            self.waiting.remove(mine[0])
            return 200, {"claimed": mine[:1]}
        if path == "/jobs/batch":
            self.reports.append(body)
            self.deltas += body["deltas"]
            rejected = [
                {"id": each["id"], "reason": self.rejected[each["id"]]}
                for each in body["deltas"]
                if each["id"] in self.rejected
            ]
            return 200, {"accepted": len(body["deltas"]) - len(rejected), "rejected": rejected}
        if "/events" in path:
            query = parse_qs(urlsplit(path).query)
            after = int(query["after"][0])
            types = query["types"][0].split(",") if "types" in query else None
            told = [
                each
                for each in self.told.get(path.split("/")[2], [])
                if each["seq"] > after and (types is None or each["type"] in types)
            ]
            return 200, {"events": told, "next_after": told[-1]["seq"] if told else after}
        if path.endswith("/release"):
            return 200, {"status": "working", "attempt_count": 1}
        return 404, {"error": "job not found"}

    async def delta(self, **fields: Any) -> dict[str, Any]:
        """The first delta with these fields, once it was sent."""
        return await until(
            lambda: next((d for d in self.deltas if fields.items() <= d.items()), None)
        )


async def until(look: Callable[[], Any]) -> Any:
    async with asyncio.timeout(10):
        while not (found := look()):
            await asyncio.sleep(0.01)
    return found


@pytest.fixture
def registry(closing: ExitStack) -> JobRegistry:
    registry = JobRegistry()
    closing.callback(registry.server.close)
    return registry


@pytest.fixture
def at_work(join: Join, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An agent that works on what is declared, and polls without pauses."""
    monkeypatch.setattr(claims, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(claims, "LONGEST_PAUSE", 0.05)

    @asynccontextmanager
    async def at_work() -> AsyncIterator[Membership]:
        member = await join()
        async with working(catalogue, member):
            yield member

    return at_work


def claimed(job_id: str, capability: str = "slow", **fields: Any) -> dict[str, Any]:
    return {
        "id": job_id,
        "capability": capability,
        "submitted_payload": {},
        "attempt_count": 1,
        "claim_epoch": 1,
        "lease_expires_at": 1795329664,
        "max_duration": 30,
        **fields,
    }


def event(seq: int, kind: str, payload: Any = None) -> dict[str, Any]:
    return {
        "job_id": "job-1",
        "seq": seq,
        "type": kind,
        "payload": payload,
        "trace_context": None,
        "posted_by": None,
        "created_at": 1795329604,
    }


async def test_a_job_is_reported_as_published_agents_report_it(
    registry: JobRegistry, at_work: Any
) -> None:
    @mesh.tool("slow", task=True)
    async def slow(n: int, job: mesh.MeshJob = None) -> dict:
        await job.request_input("need answer")
        answer = await job.recv_event(types=["answer"], timeout_secs=20)
        return {"n": n, "ev": answer["payload"]}

    registry.told["job-1"] = [event(1, "answer", {"ok": 1})]
    registry.waiting.append(claimed("job-1", submitted_payload={"n": 5}))
    async with at_work():
        await registry.delta(status="completed")
    asked = {"id": "job-1", "claim_epoch": 1, "status": "input_required"}
    ended = {"id": "job-1", "claim_epoch": 1, "status": "completed", "progress": 1.0}
    assert registry.reports == [
        {"instance_id": "tester-1", "deltas": [asked | {"progress_message": "need answer"}]},
        {
            "instance_id": "tester-1",
            "deltas": [ended | {"result": {"n": 5, "ev": {"ok": 1}}, "recv_cursor": {"answer": 1}}],
        },
    ]
    assert list(registry.deltas[1]) == [
        "id",
        "claim_epoch",
        "status",
        "progress",
        "result",
        "recv_cursor",
    ]
    (read,) = [path for method, path, _ in registry.asked if method == "GET"]
    assert parse_qs(urlsplit(read).query) == {
        "after": ["0"],
        "wait": ["15"],  # Half of the lease, so that it does not end meanwhile.
        "limit": ["100"],
        "types": ["answer"],
        "instance_id": ["tester-1"],
        "claim_epoch": ["1"],
    }


async def test_progress_is_gathered_and_never_lost(
    registry: JobRegistry, at_work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "INTERVAL", 3600)

    @mesh.tool("slow", task=True)
    async def slow(job: mesh.MeshJob = None) -> None:
        for step in range(100):
            await job.update_progress(step / 100, f"step {step}")
        await job.update_progress(0.995)
        await job.fail("so near")

    registry.waiting.append(claimed("job-1"))
    async with at_work():
        await registry.delta(status="failed")
    assert registry.deltas == [
        {
            "id": "job-1",
            "claim_epoch": 1,
            "status": "failed",
            "progress": 0.995,
            "progress_message": "step 99",
            "error": "so near",
        }
    ]


async def test_progress_is_a_number(registry: JobRegistry, at_work: Any) -> None:
    @mesh.tool("slow", task=True)
    async def slow(job: mesh.MeshJob = None) -> None:
        await job.update_progress(float("nan"))

    registry.waiting.append(claimed("job-1"))
    async with at_work():
        failed = await registry.delta(status="failed")
    assert failed["error"] == "progress must be a number, by convention from 0 to 1: nan"


async def test_a_result_that_is_refused_fails_the_job(registry: JobRegistry, at_work: Any) -> None:
    @mesh.tool("slow", task=True)
    async def slow() -> str:
        return "the registry of 3.8 takes objects only"

    registry.instead["/jobs/batch"] = [(400, {"error": "cannot unmarshal string"})]
    registry.waiting.append(claimed("job-1"))
    async with at_work():
        failed = await registry.delta(status="failed")
    assert failed["error"] == "the registry does not take it: cannot unmarshal string"


async def test_what_is_not_json_becomes_json_or_text(registry: JobRegistry, at_work: Any) -> None:
    class Odd:
        def __repr__(self) -> str:
            return "odd"

    @mesh.tool("dates", task=True)
    async def dates() -> Any:
        from datetime import date

        return {"on": date(2026, 1, 2), "nan": float("nan")}

    @mesh.tool("objects", task=True)
    async def objects() -> Any:
        return {"an": Odd()}

    registry.waiting += [claimed("job-1", "dates"), claimed("job-2", "objects")]
    async with at_work():
        dates_done = await registry.delta(id="job-1", status="completed")
        objects_done = await registry.delta(id="job-2", status="completed")
    assert dates_done["result"] == {"on": "2026-01-02", "nan": None}
    assert objects_done["result"] == {"value": "{'an': odd}"}


async def test_a_report_is_repeated_until_the_registry_is_back(
    registry: JobRegistry, at_work: Any
) -> None:
    @mesh.tool("slow", task=True)
    async def slow() -> dict:
        return {"done": True}

    registry.instead["/jobs/batch"] = [(503, {"error": "away"}), (500, {"error": "away"})]
    registry.waiting.append(claimed("job-1"))
    async with at_work():
        assert (await registry.delta(status="completed"))["result"] == {"done": True}
    assert not registry.instead["/jobs/batch"]


@pytest.mark.parametrize(
    "garbage", [[], {"claimed": [{"no": "id"}]}, {"claimed": [7]}, "x", {"claimed": None}]
)
async def test_an_answer_that_is_none_ends_nothing(
    registry: JobRegistry, at_work: Any, monkeypatch: pytest.MonkeyPatch, garbage: Any
) -> None:
    monkeypatch.setattr(claims, "LONGEST_AWAY", 0.05)

    @mesh.tool("slow", task=True)
    async def slow() -> dict:
        return {"done": True}

    registry.instead["/jobs/claim"] = [(200, garbage)] * 3
    registry.instead["/jobs/batch"] = [(200, [])]
    registry.waiting.append(claimed("job-1"))
    async with at_work():
        await registry.delta(status="completed")


async def test_a_result_outlasts_the_lease_while_the_registry_is_away(
    registry: JobRegistry, at_work: Any
) -> None:
    @mesh.tool("slow", task=True)
    async def slow(job: mesh.MeshJob = None) -> None:
        await job.complete({"done": True})

    registry.instead["/jobs/batch"] = [(503, {"error": "away"})] * 3
    registry.waiting.append(claimed("job-1", max_duration=1))
    async with at_work():
        assert (await registry.delta(status="completed"))["result"] == {"done": True}
    assert not [path for _, path, _ in registry.asked if "release" in path]


async def test_one_bad_report_does_not_hold_up_the_others(registry: JobRegistry) -> None:
    del registry
    sent: list[list[str]] = []

    class Requests:
        async def report(self, _instance: str, deltas: list[dict[str, Any]]) -> Any:
            from mesh._mesh import RegistryError

            ids = [each["id"] for each in deltas]
            sent.append(ids)
            if "bad" in ids:
                error = RegistryError("no")
                error.status, error.reason, error.transient = 400, "bad result", False
                raise error
            return {"accepted": len(ids), "rejected": []}

    reports = reporter.Reporter(Requests(), "w-1", lambda *_: None)  # type: ignore[arg-type]
    good, bad = reporter.Claim("good", 1), reporter.Claim("bad", 1)
    outcomes = await asyncio.gather(
        reports.tell(good, {"progress": 0.5}),
        reports.tell(bad, {"status": "completed", "result": 1}),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], reporter.RefusedError)
    assert sent == [["good", "bad"], ["good"], ["bad"]]
    await reports.close(1)


@pytest.mark.parametrize("reason", ["claim_superseded", "not_owner", "already_terminal"])
async def test_a_rejected_report_calls_the_handler_off(
    registry: JobRegistry, at_work: Any, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(reporter, "INTERVAL", 0.01)
    called_off = asyncio.Event()

    @mesh.tool("slow", task=True)
    async def slow(job: mesh.MeshJob = None) -> None:
        await job.update_progress(0.1)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            called_off.set()
            raise

    registry.rejected["job-1"] = reason
    registry.waiting.append(claimed("job-1", max_duration=None))
    async with at_work():
        await asyncio.wait_for(called_off.wait(), 10)
    # Nothing is said about a job that is somebody else's, and it is not given back.
    assert not [path for _, path, _ in registry.asked if "release" in path]
    assert len(registry.deltas) == 1


async def test_an_overtaken_reader_is_called_off(registry: JobRegistry, at_work: Any) -> None:
    called_off = asyncio.Event()

    @mesh.tool("slow", task=True)
    async def slow(job: mesh.MeshJob = None) -> None:
        try:
            await job.recv_event()
        except asyncio.CancelledError:
            called_off.set()
            raise

    registry.instead["/jobs/job-1/events"] = [(409, {"error": "claim_superseded"})]
    registry.waiting.append(claimed("job-1"))
    async with at_work():
        await asyncio.wait_for(called_off.wait(), 10)
    assert not registry.deltas


async def test_readers_of_the_same_types_share_the_events(
    registry: JobRegistry, at_work: Any
) -> None:
    @mesh.tool("slow", task=True)
    async def slow(job: mesh.MeshJob = None) -> dict:
        both = await asyncio.gather(job.recv_event(["b", "a"]), job.recv_event(["a", "b"]))
        third = await job.recv_event()
        # One that waits for long does not hold up one that does not.
        waiting = asyncio.create_task(job.recv_event(["never"], timeout_secs=0.3))
        await asyncio.sleep(0)
        assert await job.recv_event(["never"], timeout_secs=0.01) is None
        assert not waiting.done()
        assert await waiting is None
        return {"both": [each["seq"] for each in both], "third": third["seq"]}

    registry.told["job-1"] = [event(1, "a"), event(2, "b")]
    registry.waiting.append(claimed("job-1"))
    async with at_work():
        done = await registry.delta(status="completed")
    assert done["result"] == {"both": [1, 2], "third": 1}
    # The names of the cursors are those of every agent that resumes.
    assert done["recv_cursor"] == {"a\x1fb": 2, "": 1}


async def test_a_released_job_leaves_its_read_position(registry: JobRegistry, at_work: Any) -> None:
    @mesh.tool("slow", task=True, retry_on=(OSError,), resume_cursor=True)
    async def slow(job: mesh.MeshJob = None) -> None:
        await job.recv_event()
        raise OSError("the disk is full")

    registry.told["job-1"] = [event(1, "a"), event(2, "b"), event(3, "c")]
    registry.waiting.append(claimed("job-1", recv_cursor={"": 1}))
    async with at_work():
        await until(lambda: [path for _, path, _ in registry.asked if "release" in path])
    assert registry.deltas == [{"id": "job-1", "claim_epoch": 1, "recv_cursor": {"": 2}}]
    (release,) = [body for _, path, body in registry.asked if path == "/jobs/job-1/release"]
    assert release == {
        "instance_id": "tester-1",
        "claim_epoch": 1,
        "reason": "OSError: the disk is full",
    }


async def test_a_hint_shortens_the_pause(
    registry: JobRegistry, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "FIRST_PAUSE", 3600.0)
    monkeypatch.setattr(claims, "LONGEST_PAUSE", 3600.0)
    monkeypatch.setattr(claims, "LOOK", 0.01)

    @mesh.tool("slow", task=True)
    async def slow() -> dict:
        return {}

    member = await join()
    pending = asyncio.Event()
    real = member.agent

    class Hinting:
        jobs = real.jobs

        def pending_hint(self) -> int:
            pending.set()
            return len(registry.waiting)

    member.agent = Hinting()  # type: ignore[assignment]
    async with working(catalogue, member):
        await asyncio.wait_for(pending.wait(), 10)
        registry.waiting.append(claimed("job-1"))
        await registry.delta(status="completed")
    member.agent = real


async def test_a_wait_survives_a_registry_that_is_away_and_gives_it_up_after_a_minute(
    registry: JobRegistry, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    await join()
    monkeypatch.setattr(proxy, "FIRST_PAUSE", 0.01)
    done = {"id": "j", "status": "completed", "result": {"a": 1}, "error": None}
    registry.instead["/jobs/j"] = [(503, {"error": "away"}), (200, done | {"status": "working"})]
    registry.instead["/jobs/j"] += [(500, {"error": "away"}), (200, done)]
    assert await mesh.jobs.wait("j", 10) == {"a": 1}

    for garbage in ([], {"id": "j"}, 7):
        registry.instead["/jobs/j"] = [(200, garbage)]
        with pytest.raises(RuntimeError, match="the registry's answer has no `status`"):
            await mesh.jobs.wait("j")

    monkeypatch.setattr(proxy, "AWAY", 0.05)
    registry.instead["/jobs/j"] = [(503, {"error": "away"})] * 100
    with pytest.raises(RuntimeError, match="away"):
        await mesh.jobs.wait("j")


async def test_a_submission_is_tried_three_times(
    registry: JobRegistry, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mesh.working import submitter

    monkeypatch.setattr(submitter, "PAUSES", (0.01, 0.01))

    @mesh.tool("ask", dependencies=["slow"])
    async def ask(job: mesh.MeshJob = None) -> str:
        return (await job.submit(max_duration=30, max_retries=2, n=5)).job_id

    await join()
    away, created = (503, {"error": "away"}), (201, {"id": "job-1", "status": "working"})
    registry.instead["/jobs"] = [away, away, created]
    assert await ask() == "job-1"
    expected = {
        "capability": "slow",
        "submitted_payload": {"n": 5},
        "submitted_by": "tester-1",
        "max_retries": 2,
        "max_duration": 30,
    }
    assert registry.asked == [("POST", "/jobs", expected)] * 3
    assert list(registry.asked[0][2]) == list(expected)
    registry.instead["/jobs"] = [away] * 3
    with pytest.raises(RuntimeError, match="away"):
        await ask()
    registry.instead["/jobs"] = [(400, {"error": "capability is required"})]
    with pytest.raises(RuntimeError, match="capability is required"):
        await ask()
    assert len(registry.asked) == 7
