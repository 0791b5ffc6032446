"""Tells about a city, piece by piece; what it knows of the weather comes from other agents."""

import mesh


@mesh.service
class Weather:
    """What the guide asks of whoever knows the weather; it makes do with less."""

    @mesh.selector("forecast", tags=["metric"])
    async def forecast(self, city: str) -> dict:
        """Degrees and sky."""

    @mesh.selector("warnings")
    async def warnings(self, city: str) -> list[str]:
        """What to beware of."""


@mesh.tool(capability="tour")
async def tour(city: str, weather: Weather) -> mesh.Stream[str]:
    """Show a city."""
    yield f"Welcome to {city}! "
    today = await weather.forecast(city=city)
    yield f"It is {today['degrees']} degrees and {today['sky']}. "
    yield "Mind the trams."


@mesh.tool(capability="leaflet", dependencies=["tour"])
def leaflet(city: str, tour: mesh.McpMeshTool = None) -> str:
    """Print the tour, one line for each piece."""
    pieces = tour.stream(city=city)
    return "".join(f"* {piece.strip()}\n" for piece in pieces)


@mesh.agent(name="guide")
class Guide:
    """Knows its way around."""
