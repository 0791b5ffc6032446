"""Reports on cities: needs the weather, and is better with an archive."""

import mesh


@mesh.tool(
    capability="report",
    dependencies=[{"capability": "weather", "tags": ["metric"], "required": True}, "archive"],
)
async def report(
    city: str, weather: mesh.McpMeshTool = None, archive: mesh.McpMeshTool = None
) -> str:
    """Report on a city."""
    today = await weather(city=city)
    if archive is None:
        return f"{today['degrees']} degrees in {city}"
    usual = await archive(city=city, what="degrees")
    return f"{today['degrees']} degrees in {city}, usually {usual}"


@mesh.agent(name="report")
class Report:
    """Writes reports."""
