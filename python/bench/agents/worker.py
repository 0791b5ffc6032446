"""Works on jobs, and says when it began."""

import time

from fastmcp import FastMCP

import mesh

app = FastMCP("bench-worker")


@app.tool()
@mesh.tool(capability="bench_job", task=True)
async def bench_job(number: int) -> dict[str, float]:
    """Answer with the time of day at which the handler began."""
    return {"number": number, "began": time.time()}


@mesh.agent(name="bench-worker")
class Worker:
    """Works."""
