"""One tool, no dependencies: what start and stop cost at least."""

from fastmcp import FastMCP

import mesh

app = FastMCP("bench-alone")


@app.tool()
@mesh.tool(capability="bench_alone")
def bench_alone(text: str) -> str:
    """Answer with what was sent."""
    return text


@mesh.agent(name="bench-alone")
class Alone:
    """Starts and stops."""
