"""Takes people only in the shape that it expects: once at least that shape, once exactly."""

from typing import Any

from fastmcp import FastMCP
from pydantic import BaseModel

import mesh

app = FastMCP("interop-typed-consumer")


class Person(BaseModel):
    """What the tools below expect of a provider."""

    name: str
    age: int


@app.tool()
@mesh.tool(
    capability="loose",
    dependencies=[{"capability": "person", "expected_type": Person, "match_mode": "subset"}],
)
async def loose(person: mesh.McpMeshTool = None) -> dict[str, Any]:
    """Says what a provider of at least a person says; null where none is wired."""
    return {"said": await person() if person else None}


@app.tool()
@mesh.tool(
    capability="exact",
    dependencies=[{"capability": "person", "expected_type": Person, "match_mode": "strict"}],
)
async def exact(person: mesh.McpMeshTool = None) -> dict[str, Any]:
    """Says what a provider of exactly a person says; null where none is wired."""
    return {"said": await person() if person else None}


@mesh.agent(name="interop-typed-consumer", version="1.0.0", http_port=0)
class Consumer:
    """Nothing to hold: the tools are above."""
