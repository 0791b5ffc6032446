"""Hands a text out piece by piece; written for the API that every release shares."""

from fastmcp import FastMCP

import mesh

app = FastMCP("interop-teller")


@app.tool()
@mesh.tool(capability="tale")
async def tell(words: int) -> mesh.Stream[str]:
    """Counts."""
    for number in range(words):
        yield f"word {number}, "


@app.tool()
@mesh.tool(capability="note")
async def note(text: str) -> dict[str, str]:
    """Repeats a text, with what it knows of who asks."""
    trace = mesh.TraceContext.get_current()
    return {"text": text, "trace": trace.trace_id if trace else "none"}


@mesh.agent(name="interop-teller", version="1.0.0", http_port=0)
class Teller:
    """Nothing to hold: the tools are above."""
