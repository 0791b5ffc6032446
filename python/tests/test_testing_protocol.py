"""`mesh.testing`: schemas of dependencies, and what an agent can be asked beside its tools."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastmcp import FastMCP
from pydantic import BaseModel

import mesh
from mesh._mesh import Agent
from mesh.testing.runtime import Runtime


class Weather(BaseModel):
    sky: str
    degrees: float


@mesh.tool(
    dependencies=[{"capability": "weather", "expected_type": Weather, "match_mode": "subset"}]
)
async def report(weather: mesh.McpMeshTool = None) -> str:
    return (await weather())["sky"] if weather else "unknown"


def typed(city: str = "Oslo") -> Weather:
    return Weather(sky="clear", degrees=20)


def wider() -> dict[str, str]:
    return {}


@pytest.mark.parametrize(
    ("answer", "returns", "is_wired"),
    [
        (typed, None, True),
        (Weather(sky="clear", degrees=2), None, True),
        ({"sky": "clear", "degrees": 2}, Weather, True),
        ({"sky": "clear"}, {"type": "object", "properties": {"sky": {"type": "string"}}}, False),
        # Whose type nobody knows is given the benefit of the doubt, as by any registry.
        ({"sky": "clear"}, None, True),
        ("clear", None, False),
        (wider, None, False),
    ],
)
async def test_expected_types_are_compared(answer: Any, returns: Any, is_wired: bool) -> None:
    async with mesh.testing.mesh() as m:
        m.provide("weather", answer, returns=returns)
        assert m.wiring(report) == (["fake-weather"] if is_wired else [None])
        assert await m.call(report) == ("clear" if is_wired else "unknown")


async def test_expected_types_of_real_agents_are_compared() -> None:
    @mesh.tool("weather")
    async def weather() -> Weather:
        return typed()

    async with mesh.testing.mesh() as m:
        await m.agent(weather, name="real")
        assert m.wiring(report) == ["real"]


app = FastMCP("library")


@app.tool()
@mesh.tool("books")
async def books() -> str:
    return "none"


@app.tool()
def shelves() -> int:
    return 3


@app.resource("book://one")
def one() -> str:
    return "once"


@app.prompt()
def review(book: str) -> str:
    return f"Review {book}."


@mesh.tool(dependencies=["books"])
async def reader(books: mesh.McpMeshTool = None) -> dict[str, Any]:
    prompt = await books.get_prompt("review", {"book": "one"})
    return {
        "tools": sorted({tool.name for tool in await books.list_tools()} & {"books", "shelves"}),
        "resources": [str(each.uri) for each in await books.list_resources()],
        "read": [each.text for each in await books.read_resource("book://one")],
        "prompts": [each.name for each in await books.list_prompts()],
        "prompt": prompt.messages[0].content.text,
        "shelves": await books.call_tool("shelves", {}),
    }


READ = {
    "tools": ["books", "shelves"],
    "resources": ["book://one"],
    "read": ["once"],
    "prompts": ["review"],
    "prompt": "Review one.",
    "shelves": 3,
}


async def test_real_agents_are_asked_by_all_methods() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(books, name="library")
        assert await m.call(reader) == READ


async def test_fakes_answer_by_a_server_of_the_test() -> None:
    fake = FastMCP("fake")
    fake.add_resource(mesh_resource())
    fake.prompt(review if callable(review) else review.fn)
    fake.tool(shelves if callable(shelves) else shelves.fn)
    async with mesh.testing.mesh() as m:
        m.provide("books", "none", server=fake)
        assert await m.call(reader) == READ


def mesh_resource() -> Any:
    from fastmcp.resources import TextResource

    return TextResource(uri="book://one", text="once", name="one")


async def test_what_is_not_there_fails_as_it_would() -> None:
    @mesh.tool(dependencies=["books"])
    async def curious(books: mesh.McpMeshTool = None) -> Any:
        assert await books.list_prompts() == []
        return await books.read_resource("book://two")

    async with mesh.testing.mesh() as m:
        m.provide("books", "none")
        with pytest.raises(RuntimeError, match="book://two"):
            await m.call(curious)


async def test_sessions_are_kept() -> None:
    @mesh.tool(dependencies=["books"])
    async def visitor(books: mesh.McpMeshTool = None) -> Any:
        session = await books.create_session()
        return await books.call_with_session(session, book="one")

    async with mesh.testing.mesh() as m:
        fake = m.provide("books", "lent")
        assert await m.call(visitor) == "lent"
        assert fake.calls == [{"book": "one"}]


def of_calls() -> Iterator[str]:
    # The rest is for the process that serves, and not for calls.
    serving = {"start", "status", "replace", "set_health", "stop"}
    return (name for name in dir(Agent) if not name.startswith("_") and name not in serving)


def test_nothing_is_missing_that_calls_use() -> None:
    runtime = Runtime(None, "x", None)  # type: ignore[arg-type]
    assert [name for name in of_calls() if not hasattr(runtime, name)] == []
