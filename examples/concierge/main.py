"""A skill for agents outside the mesh, by the A2A protocol."""

import uvicorn
from fastapi import FastAPI

import mesh

app = FastAPI(title="Concierge")


@mesh.a2a.mount(
    app,
    path="/agents/day-planner",
    description="Plans a day in a city",
    input_modes=["text/plain"],
    output_modes=["text/plain"],
    dependencies=[{"capability": "plan", "required": True}],
)
async def plan_a_day(message: dict, plan: mesh.McpMeshTool = None) -> str:
    """Plan a day in the city that the message names."""
    return await plan(city=message["parts"][0]["text"])


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8091, log_level="warning")
