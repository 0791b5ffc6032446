"""Offers a capability and needs nothing."""

import mesh


@mesh.tool(capability="forecast", tags=["metric"], version="1.0.0")
def forecast(city: str) -> dict[str, str | int]:
    """Say what the weather will be."""
    # A stand-in for a weather service: stable for a city, different between cities.
    degrees = sum(city.encode()) % 30
    return {"city": city, "degrees": degrees, "sky": "clear" if degrees > 15 else "cloudy"}


@mesh.agent(name="forecast")
class Forecast:
    """Tells the weather."""
