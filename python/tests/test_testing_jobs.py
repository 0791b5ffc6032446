"""`mesh.testing`: tasks work on jobs, and other tools submit them, without a registry process."""

import asyncio
from typing import Any

import pytest

import mesh


class BusyError(Exception):
    """A reason to try again."""


@mesh.tool("render", task=True, retry_on=(BusyError,))
async def render(pages: int, failures: int = 0, job: mesh.MeshJob = None) -> str:
    if job is None:
        return "at once"
    await job.update_progress(0.5, "half of it")
    if job.claim_epoch <= failures:
        raise BusyError(f"attempt {job.claim_epoch}")
    return f"{pages} pages, claim {job.claim_epoch}"


@mesh.tool("approve", task=True)
async def approve(job: mesh.MeshJob = None) -> Any:
    await job.request_input("yes or no?")
    event = await job.recv_event(["answer"])
    return event["payload"]


@mesh.tool(dependencies=["render"])
async def order(pages: int, render: mesh.MeshJob = None) -> str:
    proxy = await render.submit(pages=pages)
    return await proxy.wait(timeout_secs=10)


@mesh.tool(dependencies=["render"])
def order_blocking(pages: int, render: mesh.MeshJob = None) -> str:
    return render.submit(pages=pages).wait(timeout_secs=10)


async def test_a_task_works_on_jobs_and_can_be_called_without() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(render)
        assert await m.call(render, pages=2) == "at once"
        job = await m.submit("render", pages=2)
        assert await job.wait(timeout_secs=10) == "2 pages, claim 1"
        status = await job.status()
        assert (status["status"], status["owner_instance_id"]) == ("completed", "agent")
        assert await mesh.jobs.wait(job.job_id, timeout_secs=1) == "2 pages, claim 1"


async def test_both_kinds_of_tools_submit_jobs() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(render)
        assert await m.call(order, pages=3) == "3 pages, claim 1"
        assert await m.call(order_blocking, pages=4) == "4 pages, claim 1"


async def test_retries_are_the_registrys() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(render)
        again = await m.submit("render", pages=1, failures=1, max_retries=1)
        assert await again.wait(timeout_secs=10) == "1 pages, claim 2"
        spent = await m.submit("render", pages=1, failures=2, max_retries=1)
        with pytest.raises(RuntimeError, match="failed"):
            await spent.wait(timeout_secs=10)


async def test_a_job_that_asks_gets_its_answer() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(approve)
        job = await m.submit("approve")
        while (status := await job.status())["status"] != "input_required":
            await asyncio.sleep(0.01)
        assert status["progress_message"] == "yes or no?"
        await job.send_event("answer", {"yes": True})
        assert await job.wait(timeout_secs=10) == {"yes": True}


async def test_a_cancelled_job_is_cancelled_in_its_handler() -> None:
    ended = asyncio.Event()

    @mesh.tool("endless", task=True)
    async def endless(job: mesh.MeshJob = None) -> None:
        await job.request_input()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with mesh.testing.mesh() as m:
        await m.agent(endless)
        job = await m.submit("endless")
        while (await job.status())["status"] != "input_required":
            await asyncio.sleep(0.01)
        await job.cancel("enough")
        await asyncio.wait_for(ended.wait(), 10)
        with pytest.raises(RuntimeError, match="cancelled: enough"):
            await job.wait(timeout_secs=10)
        with pytest.raises(mesh.JobNotFoundError):
            await mesh.jobs.status("nobody")


async def test_a_fake_works_on_jobs() -> None:
    async with mesh.testing.mesh() as m:
        fake = m.provide("render", lambda pages: f"{pages} faked", task=True)
        assert await m.call(order, pages=5) == "5 faked"
        assert fake.calls == [{"pages": 5}]
        fake.answer = ValueError("no paper")
        with pytest.raises(RuntimeError, match="failed: no paper"):
            await m.call(order, pages=5)


async def test_a_tool_that_a_test_calls_itself_submits_jobs_too() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("render", "done", task=True)
        assert await order(pages=1) == "done"


async def test_a_job_that_calls_is_named_to_the_tool_that_it_calls() -> None:
    @mesh.tool("who")
    async def who() -> Any:
        calling = mesh.calling_job()
        return None if calling is None else calling.job_id

    @mesh.tool("asks", task=True, dependencies=["who"])
    async def asks(who: mesh.McpMeshTool = None, job: mesh.MeshJob = None) -> Any:
        return await who()

    async with mesh.testing.mesh() as m:
        await m.agent(who, name="one")
        await m.agent(asks, name="two")
        job = await m.submit("asks")
        assert await job.wait(timeout_secs=10) == job.job_id
