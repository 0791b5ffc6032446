"""Tools that hand out their text piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fake_mesh import FakeRegistry, provider
from fastmcp import Client, Context, FastMCP

import mesh
from mesh.calling.headers import HeaderRules
from mesh.declaring.catalogue import catalogue
from mesh.serving.payload import registration
from mesh.serving.servers import adopt
from mesh.serving.settings import Address, resolve

Join = Callable[..., Awaitable[Any]]


async def served(app: FastMCP[Any] | None = None) -> FastMCP[Any]:
    """The server of what is declared."""
    server, _ = await adopt("tester", catalogue, {"app": app}, HeaderRules(()))
    return server


async def pieces_and_result(
    server: FastMCP[Any], name: str, **arguments: Any
) -> tuple[list[str | None], Any]:
    """What a client that wants progress gets."""
    pieces: list[str | None] = []

    async def on_progress(_progress: float, _total: float | None, message: str | None) -> None:
        pieces.append(message)

    async with Client(server) as client:
        result = await client.call_tool(name, arguments, progress_handler=on_progress)
    return pieces, result.data


def declare_generator() -> Any:
    @mesh.tool("tell")
    async def tell(words: int) -> mesh.Stream[str]:
        for number in range(words):
            yield f"{number} "

    return tell


def declare_without_annotation() -> Any:
    @mesh.tool("tell")
    async def tell(words: int):
        for number in range(words):
            yield f"{number} "

    return tell


def declare_coroutine() -> Any:
    async def source(words: int) -> AsyncIterator[str]:
        for number in range(words):
            yield f"{number} "

    @mesh.tool("tell")
    async def tell(words: int) -> mesh.Stream[str]:
        return source(words)

    return tell


@pytest.mark.parametrize(
    "declare", [declare_generator, declare_without_annotation, declare_coroutine]
)
async def test_pieces_are_progress_and_the_text_is_the_result(declare: Any) -> None:
    declare()
    server = await served()
    assert await pieces_and_result(server, "tell", words=3) == (["0 ", "1 ", "2 "], "0 1 2 ")
    (tool,) = await server.list_tools(run_middleware=False)
    assert tool.output_schema is not None
    assert tool.output_schema["properties"] == {"result": {"type": "string"}}


@pytest.mark.parametrize("is_above", [True, False])
async def test_a_stream_stands_above_or_below_fastmcps_decorator(is_above: bool) -> None:
    app: FastMCP[Any] = FastMCP("app")

    async def tell(words: int) -> mesh.Stream[str]:
        for number in range(words):
            yield f"{number} "

    if is_above:
        mesh.tool("tell")(app.tool(name="say")(tell))
    else:
        app.tool(name="say")(mesh.tool("tell")(tell))
    server = await served(app)
    assert server is app
    assert await pieces_and_result(server, "say", words=2) == (["0 ", "1 "], "0 1 ")


async def test_a_stream_has_fastmcps_context_and_its_dependencies(
    registry: FakeRegistry, join: Join
) -> None:
    registry.wiring = {"tell": [provider("http://127.0.0.1:1", "word", agent_id="tester-1")]}

    @mesh.tool("word")
    def word() -> str:
        return "hi"

    @mesh.tool("tell", dependencies=["word"])
    async def tell(ctx: Context, word: mesh.McpMeshTool = None) -> mesh.Stream[str]:
        yield await word()
        yield ctx.fastmcp.name

    await join()
    assert await pieces_and_result(await served(), "tell") == (["hi", "tester"], "hitester")


async def test_a_direct_caller_gets_the_stream_itself() -> None:
    tell = declare_coroutine()
    assert [piece async for piece in tell(words=2)] == ["0 ", "1 "]


async def test_a_stream_that_nobody_reads_to_its_end_cleans_up() -> None:
    ended = asyncio.Event()

    @mesh.tool("tell")
    async def tell() -> mesh.Stream[str]:
        try:
            while True:
                yield "more"
        finally:
            ended.set()

    stream = tell()
    assert await anext(stream) == "more"
    await stream.aclose()
    assert ended.is_set()


async def test_a_self_dependency_gets_the_whole_text(registry: FakeRegistry, join: Join) -> None:
    own = provider("http://127.0.0.1:1", "tell", agent_id="tester-1")
    registry.wiring = {"ask": [own], "ask_sync": [own]}
    declare_generator()

    @mesh.tool("ask", dependencies=["tell"])
    async def ask(tell: mesh.McpMeshTool = None) -> str:
        return await tell(words=2)

    @mesh.tool("ask_sync", dependencies=["tell"])
    def ask_sync(tell: mesh.McpMeshTool = None) -> str:
        return tell(words=2)

    await join()
    assert await ask() == "0 1 "
    assert await asyncio.to_thread(ask_sync) == "0 1 "


async def test_what_is_no_text_fails_the_call_and_is_shown() -> None:
    @mesh.tool("tell")
    async def tell():
        yield "text"
        yield {"n": 1}

    server = await served()
    with pytest.raises(Exception, match=r"tool `tell` streams text, and this is none: \{'n': 1\}"):
        await pieces_and_result(server, "tell")


async def test_an_error_in_a_stream_is_the_error_of_the_call() -> None:
    @mesh.tool("tell")
    async def tell() -> mesh.Stream[str]:
        yield "so far"
        raise RuntimeError("no more words")

    with pytest.raises(Exception, match="no more words"):
        await pieces_and_result(await served(), "tell")


@pytest.mark.parametrize(
    "returned", [mesh.Stream[int], mesh.Stream[Any], AsyncGenerator[bytes, None], mesh.Stream]
)
def test_a_stream_of_anything_but_text_is_refused(returned: Any) -> None:
    async def tell():
        yield 1

    tell.__annotations__["return"] = returned
    with pytest.raises(ValueError, match=r"`tell` returns a stream of .*mesh\.Stream\[str\]"):
        mesh.tool("tell")(tell)


async def test_the_registry_is_told_that_a_tool_streams() -> None:
    declare_generator()
    settings = resolve({}, None)
    tools = {name: (each, {"type": "object"}) for name, each in catalogue.tools.items()}
    (tool,) = registration(settings, Address("127.0.0.1", 1), tools)["tools"]
    assert tool["outputSchema"] == {"type": "string"}
    assert tool["kwargs"] == {
        "task": False,
        "resume_cursor": False,
        "stream_type": "text",
        "function_name": "tell",
    }
