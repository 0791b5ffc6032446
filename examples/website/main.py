"""A web application that uses tools of the mesh."""

import uvicorn
from fastapi import APIRouter, FastAPI

import mesh

app = FastAPI(title="Website")
days = APIRouter(prefix="/days")


@days.get("/{city}")
@mesh.route(dependencies=["plan"])
async def day(city: str, plan: mesh.McpMeshTool = None) -> dict:
    """Plan a day, or do without a plan."""
    return {"city": city, "plan": await plan(city=city) if plan else None}


@days.get("/{city}/weather")
@mesh.route(dependencies=[{"capability": "forecast", "tags": ["metric"], "required": True}])
def weather(city: str, forecast: mesh.McpMeshTool) -> dict:
    """Say what the weather will be."""
    return forecast(city=city)


@days.get("/{city}/story")
@mesh.route(dependencies=["plan"])
async def story(city: str, plan: mesh.McpMeshTool = None) -> mesh.Stream[str]:
    """Tell the day as it goes."""
    yield f"A day in {city}."
    if plan is not None:
        yield await plan(city=city)


app.include_router(days)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8090, log_level="warning")
