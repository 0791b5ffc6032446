"""Offers a person in the shape that its argument names."""

import sys

from fastmcp import FastMCP
from pydantic import BaseModel

import mesh


class Same(BaseModel):
    """Just what is expected."""

    name: str
    age: int


class Wider(BaseModel):
    """More than is expected."""

    name: str
    age: int
    city: str


class Other(BaseModel):
    """The expected members, but one of them of another type."""

    name: str
    age: str


def same() -> Same:
    """Says who it is."""
    return Same(name="Ada", age=36)


def wider() -> Wider:
    """Says who it is, and where."""
    return Wider(name="Ada", age=36, city="London")


def other() -> Other:
    """Says who it is in its own way."""
    return Other(name="Ada", age="thirty-six")


# The worse a shape fits, the higher its version: it would be taken if shapes did not count.
SHAPE = sys.argv[1]
OFFER, VERSION = {"same": (same, "1.0.0"), "wider": (wider, "2.0.0"), "other": (other, "3.0.0")}[
    SHAPE
]

app = FastMCP(f"interop-{SHAPE}")
app.tool()(mesh.tool(capability="person", version=VERSION)(OFFER))


@mesh.agent(name=f"interop-{SHAPE}", version="1.0.0", http_port=0)
class Provider:
    """Nothing to hold: the tool is above."""
