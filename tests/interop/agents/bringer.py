"""Works on jobs by calling another agent."""

from typing import Any

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-bringer")


@app.tool()
@mesh.tool(capability="bringing", task=True, dependencies=["keeping"])
async def bring(keeping: mesh.McpMeshTool = None, job: mesh.MeshJob = None) -> dict[str, Any]:
    """Brings something twice, the second time late."""
    kept = await keeping()
    try:
        await keeping(is_late=True)
    except mesh.SupersededError as error:
        return {"job": job.job_id, "kept": kept, "refused": error.detail}
    return {"kept": kept}


@mesh.agent(name="interop-bringer", version="1.0.0", http_port=0)
class Bringer:
    """Nothing to hold: the tool is above."""
