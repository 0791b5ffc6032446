"""Works on jobs of many kinds, for test_jobs.py."""

import asyncio
from datetime import date

from fastmcp import Context, FastMCP
from pydantic import BaseModel

import mesh

app = FastMCP("worker")


class Page(BaseModel):
    number: int
    on: date


@app.tool()
@mesh.tool("double", task=True)
async def double(n: int, on: date = date(2026, 1, 1), job: mesh.MeshJob = None) -> dict:
    return {"twice": 2 * n, "on": on.isoformat(), "job": job and job.job_id}


@mesh.tool("page", task=True)
async def page(job: mesh.MeshJob = None) -> Page:
    await job.update_progress(0.5, "half way")
    return Page(number=1, on=date(2026, 1, 2))


@mesh.tool("words", task=True)
async def words() -> str:
    return "plain"


@mesh.tool("early", task=True)
async def early(job: mesh.MeshJob = None) -> dict:
    await job.complete({"said": "early"})
    await job.update_progress(0.1)
    assert await job.is_terminal()
    return {"said": "late"}


@mesh.tool("fails", task=True)
async def fails(job: mesh.MeshJob = None) -> dict:
    raise ValueError("no way")


@mesh.tool("fails_itself", task=True)
async def fails_itself(job: mesh.MeshJob = None) -> dict:
    await job.fail("as planned")


@mesh.tool("flaky", task=True, retry_on=(ConnectionError,))
async def flaky(until: int, job: mesh.MeshJob = None) -> dict:
    if job.claim_epoch < until:
        raise ConnectionError("gone")
    return {"attempt": job.claim_epoch}


@mesh.tool("waits", task=True)
async def waits(job: mesh.MeshJob = None) -> dict:
    await job.update_progress(0.25, "waiting")
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        print("called off", job.job_id, flush=True)
        raise


@mesh.tool("silent", task=True)
async def silent(job: mesh.MeshJob = None) -> dict:
    if job.claim_epoch == 1:
        await asyncio.sleep(600)
    return {"attempt": job.claim_epoch}


@mesh.tool("busy", task=True)
async def busy(job: mesh.MeshJob = None) -> dict:
    for step in range(8):
        await asyncio.sleep(0.25)
        await job.update_progress(step / 8)
    return {"attempt": job.claim_epoch}


@mesh.tool("asks", task=True)
async def asks(job: mesh.MeshJob = None) -> dict:
    await job.update_progress(0.75, "nearly")
    await job.request_input("which one?")
    answer = await job.recv_event(types=["answer"], timeout_secs=30)
    nothing = await job.recv_event(types=["never"], timeout_secs=0.05)
    return {"answer": answer["payload"], "nothing": nothing}


@mesh.tool("reads", task=True, resume_cursor=True, retry_on=(OSError,))
async def reads(job: mesh.MeshJob = None) -> dict:
    event = await job.recv_event(types=["line"])
    if job.claim_epoch == 1:
        raise OSError("the disk is full")
    return {"second": event["payload"]}


@mesh.tool("replays", task=True, retry_on=(OSError,))
async def replays(job: mesh.MeshJob = None) -> dict:
    event = await job.recv_event(types=["line"])
    if job.claim_epoch == 1:
        raise OSError("the disk is full")
    return {"second": event["payload"]}


@mesh.tool("hears", task=True)
async def hears(job: mesh.MeshJob = None) -> dict:
    event = await job.recv_event()
    print(job.job_id, "heard", event["type"], event["payload"], flush=True)


@mesh.tool("stubborn", task=True)
async def stubborn(job: mesh.MeshJob = None) -> dict:
    await job.update_progress(0.1, "in")
    if job.claim_epoch > 1:
        return {"attempt": job.claim_epoch}
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            print("not now", flush=True)


@mesh.tool("who")
async def who() -> dict:
    caller = mesh.calling_job()
    return {"job": caller and caller.job_id, "epoch": caller and caller.claim_epoch}


@mesh.tool("calls", task=True, dependencies=["who"])
async def calls(who: mesh.McpMeshTool = None, job: mesh.MeshJob = None) -> dict:
    assert mesh.calling_job() is None
    return await who()


@app.tool()
@mesh.tool("with_context", task=True)
async def with_context(n: int, ctx: Context, job: mesh.MeshJob = None) -> dict:
    return {"n": n, "server": ctx.fastmcp.name, "job": job is not None}


@mesh.agent(name="worker")
class Worker: ...
