"""Offers the capability `weather`."""

from fastmcp import FastMCP

import mesh

app = FastMCP("weather")

TEMPERATURES = {"Berlin": 11.5, "Lisbon": 21.0, "Oslo": 4.0}


@app.tool()
@mesh.tool(capability="weather", tags=["current"], version="1.0.0")
def current_weather(city: str) -> dict[str, str | float]:
    """The weather in a city, now."""
    return {"city": city, "celsius": TEMPERATURES.get(city, 15.0)}


@mesh.agent(name="weather", description="Knows the weather")
class Weather:
    """An agent is declared on a class or a function."""
