"""Submits jobs and waits for them."""

from typing import Any

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-submitter")


@app.tool()
@mesh.tool(capability="order", dependencies=["rendering"])
async def order(pages: int, job: mesh.MeshJob = None) -> dict[str, Any]:
    """Has pages rendered; says which job does it."""
    submitted = await job.submit(pages=pages, max_retries=2)
    return {"job": submitted.job_id}


@app.tool()
@mesh.tool(capability="collect")
async def collect(job_id: str) -> dict[str, Any]:
    """Says what came of a job."""
    return {"outcome": await mesh.jobs.wait(job_id, timeout_secs=40)}


@app.tool()
@mesh.tool(capability="turn")
async def turn(job_id: str, note: str) -> dict[str, Any]:
    """Tells a job to turn the page."""
    await mesh.jobs.post_event(job_id, "turn", {"note": note})
    return {"told": note}


@app.tool()
@mesh.tool(capability="call_off")
async def call_off(job_id: str) -> dict[str, Any]:
    """Cancels a job."""
    await mesh.jobs.cancel(job_id, reason="enough")
    return {"cancelled": job_id}


@mesh.agent(name="interop-submitter", version="1.0.0", http_port=0)
class Submitter:
    """Nothing to hold: the tools are above."""
