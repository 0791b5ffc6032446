"""Keeps what jobs bring, and says which job has brought it."""

from typing import Any

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-keeper")


@app.tool()
@mesh.tool(capability="keeping")
async def keep(is_late: bool = False) -> dict[str, Any]:
    """Says which job calls; refuses one that comes late."""
    if is_late:
        raise mesh.SupersededError("somebody was here before")
    caller = mesh.calling_job()
    return {"job": caller and caller.job_id, "epoch": caller and caller.claim_epoch}


@mesh.agent(name="interop-keeper", version="1.0.0", http_port=0)
class Keeper:
    """Nothing to hold: the tool is above."""
