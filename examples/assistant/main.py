"""Uses the capability `weather`, wherever in the mesh it is."""

from fastmcp import FastMCP

import mesh

app = FastMCP("assistant")


@app.tool()
@mesh.tool(capability="advice", dependencies=["weather"])
async def what_to_wear(city: str, weather: mesh.McpMeshTool | None = None) -> str:
    """Says what to wear in a city today."""
    if weather is None:
        return f"Nobody knows the weather in {city}: take everything."
    now = await weather(city=city)
    advice = "a coat" if now["celsius"] < 12 else "a shirt"
    return f"It is {now['celsius']} °C in {city}: wear {advice}."


@mesh.agent(name="assistant", description="Gives advice")
class Assistant:
    """An agent is declared on a class or a function."""
