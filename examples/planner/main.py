"""Needs somebody's forecast; the registry decides whose."""

import mesh


@mesh.tool(
    capability="plan",
    dependencies=[{"capability": "forecast", "tags": ["metric"], "version": ">=1.0"}],
)
async def plan_day(city: str, forecast: mesh.McpMeshTool = None) -> str:
    """Suggest what to do in a city."""
    if forecast is None:
        return f"Nobody offers a forecast; take everything to {city}."
    weather = await forecast(city=city)
    advice = "walk along the river" if weather["sky"] == "clear" else "visit a museum"
    return f"{weather['degrees']} degrees and {weather['sky']} in {city}: {advice}."


@mesh.agent(name="planner")
class Planner:
    """Plans days."""
