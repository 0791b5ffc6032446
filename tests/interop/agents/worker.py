"""Works on jobs: a page at a time, and the next page only when it is told to turn."""

from typing import Any

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-worker")


@app.tool()
@mesh.tool(capability="rendering", task=True)
async def render(pages: int, job: mesh.MeshJob = None) -> dict[str, Any]:
    """Renders pages; says in the log when it is called off."""
    turned = []
    try:
        for page in range(pages):
            await job.update_progress(page / pages, f"page {page}")
            event = await job.recv_event(types=["turn"], timeout_secs=60)
            turned.append(event["payload"])
    except BaseException:
        # The task is cancelled, or the wait for an event hears of the cancel first and fails.
        print("called off", flush=True)
        raise
    return {"pages": pages, "turned": turned}


@mesh.agent(name="interop-worker", version="1.0.0", http_port=0)
class Worker:
    """Nothing to hold: the tool is above."""
