"""The tool that is called, served by FastMCP."""

from fastmcp import FastMCP

import mesh

app = FastMCP("bench-provider")


@app.tool()
@mesh.tool(capability="bench_echo")
def bench_echo(text: str) -> str:
    """Answer with what was sent."""
    return text


@mesh.agent(name="bench-provider")
class Provider:
    """Answers."""
