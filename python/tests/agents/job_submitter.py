"""Submits jobs and follows them, for test_job_submitters.py."""

from datetime import UTC, datetime, timedelta
from typing import Any

import mesh


@mesh.tool("order", dependencies=["double"])
async def order(n: int, job: mesh.MeshJob = None) -> dict:
    proxy = await job.submit(
        n=n,
        max_duration=59.5,
        max_retries=2,
        total_deadline=datetime.now(UTC) + timedelta(hours=1),
    )
    result = await proxy.wait(timeout_secs=20)
    return {"result": result, "status": await proxy.status(), "job": repr(job)}


@mesh.tool("order_blocking", dependencies=["asks"])
def order_blocking(job: mesh.MeshJob = None) -> dict:
    proxy = job.submit()
    receipt = proxy.send_event("answer", {"yes": 1})
    result = proxy.wait(timeout_secs=20)
    events, after = proxy.list_events(types=["answer"])
    kinds = [each["type"] for each in events]
    return {
        "result": result,
        "seq": receipt["seq"],
        "events": [kinds, after],
        "status": proxy.status()["status"],
        "late": failure(lambda: proxy.send_event("answer", {})),
        "cancel": failure(lambda: proxy.cancel("late")),
    }


def failure(call: Any) -> str:
    try:
        return f"returned {call()!r}"
    except RuntimeError as error:
        return type(error).__name__


@mesh.tool("converse", dependencies=["asks"])
async def converse(job: mesh.MeshJob = None) -> dict:
    proxy = await job.submit()
    seen = []
    async for event in mesh.jobs.subscribe_events(proxy.job_id, types=["answer"]):
        seen.append(event["payload"])
        break
    return {"seen": seen, "result": await mesh.jobs.wait(proxy.job_id, timeout_secs=20)}


@mesh.tool("nobody_works", dependencies=["nobody"])
async def nobody_works(job: mesh.MeshJob = None) -> dict:
    proxy = await job.submit(anything=1)
    try:
        await proxy.wait(timeout_secs=0.1)
    except TimeoutError:
        await proxy.cancel("enough")
    try:
        await proxy.wait()
    except RuntimeError as error:
        return {"error": str(error).replace(proxy.job_id, "ID")}
    return {"error": None}


@mesh.tool("must_have", dependencies=[{"capability": "nobody", "required": True}])
async def must_have(job: mesh.MeshJob = None) -> dict:
    return {"job": job is not None}


@mesh.agent(name="submitter")
class Submitter: ...
