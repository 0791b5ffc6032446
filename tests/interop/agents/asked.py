"""What the official client asks for: a dependency, progress, a stream, and mistakes."""

from fastmcp import Context, FastMCP

import mesh

app = FastMCP("asked")


@app.tool()
@mesh.tool("greeting")
def greet(name: str) -> str:
    """Greets somebody."""
    return f"hello {name}"


@app.tool()
@mesh.tool("ask", dependencies=["greeting"])
async def ask(name: str, greeting: mesh.McpMeshTool | None = None) -> dict[str, str]:
    """Has somebody greeted."""
    return {"greeting": await greeting(name=name)}


@app.tool()
@mesh.tool("count")
async def count(to: int, ctx: Context) -> int:
    """Counts, and says how far it is."""
    for number in range(1, to + 1):
        await ctx.report_progress(number, to, f"at {number}")
    return to


@app.tool()
@mesh.tool("tell")
async def tell() -> mesh.Stream[str]:
    """Tells a story piece by piece."""
    for word in ("once ", "upon ", "a time"):
        yield word


@app.tool()
@mesh.tool("fail")
def fail() -> str:
    """Fails."""
    raise ValueError("no greeting today")


@mesh.agent(name="asked", http_port=0)
class Asked:
    """Nothing to hold: the tools are above."""
