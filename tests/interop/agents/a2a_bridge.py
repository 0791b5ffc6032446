"""Makes tools of the skills at the port that is the first argument, and works on a job for one."""

import asyncio
import sys
from typing import Any

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-bridge")


class Progress:
    """Stands for a job of the mesh."""

    def __init__(self) -> None:
        self.last = 0.0

    async def update_progress(self, progress: float, message: str | None = None) -> None:
        self.last = progress


async def ask(client: mesh.A2AClient, text: str, way: str) -> dict[str, Any]:
    message = {"role": "user", "parts": [{"type": "text", "text": text}]}
    progress = Progress()
    try:
        if way == "send":
            response = await client.send(message)
            return {"state": response.state, "text": response.artifact_text}
        if way == "submit":
            job = await client.submit(message)
            return {"value": await job.bridge(progress), "progress": progress.last > 0}
        stream = await client.subscribe(message)
        return {"value": await stream.bridge(progress), "progress": progress.last > 0}
    except mesh.A2AJobFailed as error:
        return {"failed": "it broke" in str(error)}


@app.tool()
@mesh.a2a_consumer(
    capability="shouting",
    a2a_url=f"http://127.0.0.1:{sys.argv[1]}/agents/upper",
    auth=mesh.A2ABearer(token="sesame"),
)
async def shout(text: str, way: str, _a2a: mesh.A2AClient = None) -> dict[str, Any]:
    return await ask(_a2a, text, way)


@app.tool()
@mesh.a2a_consumer(
    capability="tallying", a2a_url=f"http://127.0.0.1:{sys.argv[1]}/agents/count", poll_interval=0.1
)
async def tally(upto: int, way: str, _a2a: mesh.A2AClient = None) -> dict[str, Any]:
    return await ask(_a2a, str(upto), way)


@app.tool()
@mesh.tool(capability="counting", task=True)
async def count_up(upto: int, job: mesh.MeshJob = None) -> dict[str, Any]:
    for number in range(1, upto):
        await job.update_progress(number / upto, f"at {number}")
        # It is told after up to 2 s, and asked for every 2 s.
        await asyncio.sleep(4.5)
    return {"counted": upto}


@mesh.agent(name="interop-bridge", version="1.0.0", http_port=0)
class Bridge:
    """Nothing to hold: the tools are above."""
