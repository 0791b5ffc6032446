"""Says how warm it is."""

import mesh


@mesh.tool(capability="weather", tags=["metric"])
def weather(city: str) -> dict[str, str | int]:
    """Say how warm a city is."""
    return {"city": city, "degrees": 3 * len(city)}


@mesh.agent(name="weather")
class Weather:
    """Tells the weather."""
