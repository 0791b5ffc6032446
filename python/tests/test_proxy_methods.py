"""Streams, and what else an injected proxy can ask, in both kinds of tools."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, aclosing
from typing import Any

import pytest
from fake_mesh import FakeProvider, FakeRegistry, Request, provider, result

import mesh
from mesh.calling.headers import NOTHING, inbound

Join = Callable[..., Awaitable[Any]]


class Talker:
    """A provider whose tool says `words`, one by one as it is allowed to, and then ends."""

    def __init__(self, *words: str, **end: Any) -> None:
        self.words = words
        self.end = end or {"content": [{"type": "text", "text": "".join(words)}]}
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.left = threading.Event()
        self.provider = FakeProvider(self.answer)

    def answer(self, request: Request) -> None:
        handler = request.handler
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        params = request.json()["params"]
        token = params.get("_meta", {}).get("progressToken")
        try:
            for count, word in enumerate(self.words, 1):
                note = {"progressToken": token, "progress": count, "message": word}
                message = {"jsonrpc": "2.0", "method": "notifications/progress", "params": note}
                handler.wfile.write(f"data: {json.dumps(message)}\n\n".encode())
                handler.wfile.flush()
                assert self.may_go_on.wait(10)
            handler.wfile.write(f"data: {result(request, **self.end)}\n\n".encode())
            handler.wfile.flush()
        except OSError:
            self.left.set()


@pytest.fixture(autouse=True)
def nothing_inbound() -> None:
    """Each test is a request of its own."""
    inbound.set(NOTHING)


@pytest.fixture
def listener(
    registry: FakeRegistry, closing: ExitStack, join: Join
) -> Callable[..., Awaitable[Callable[..., Awaitable[list[str]]]]]:
    """Tools of both kinds that listen to a provider; what they hear, and which of them."""

    async def make(talker: Any, is_blocking: bool, **kwargs: Any) -> Any:
        closing.callback(talker.provider.server.close)
        slot = provider(talker.provider.url, "tell") | {"kwargs": kwargs}
        registry.wiring = {"ask": [slot], "ask_sync": [slot]}

        @mesh.tool("ask", dependencies=["tell"])
        async def ask(use: Any, tell: mesh.McpMeshTool = None) -> list[str]:
            return [piece async for piece in use(tell)]

        @mesh.tool("ask_sync", dependencies=["tell"])
        def ask_sync(use: Any, tell: mesh.McpMeshTool = None) -> list[str]:
            return list(use(tell))

        await join(headers=("x-tenant", "x-kind"))

        async def hear(use: Callable[[Any], Any]) -> list[str]:
            return await (asyncio.to_thread(ask_sync, use) if is_blocking else ask(use))

        return hear

    return make


either_kind = pytest.mark.parametrize("is_blocking", [False, True], ids=["async", "blocking"])


@either_kind
async def test_a_stream_is_heard_piece_by_piece(listener: Any, is_blocking: bool) -> None:
    talker = Talker("a", "b", "c")
    hear = await listener(talker, is_blocking)
    use = lambda tell: tell.stream(city="Oslo", headers={"x-tenant": "blue"})  # noqa: E731
    assert await hear(use) == ["a", "b", "c"]
    (request,) = talker.provider.requests
    params = request.json()["params"]
    assert (params["name"], params["arguments"]) == ("tell", {"city": "Oslo"})
    assert params["_meta"]["progressToken"]
    assert request.header("x-tenant") == "blue"


@either_kind
async def test_another_tool_streams_by_its_name(listener: Any, is_blocking: bool) -> None:
    talker = Talker("a", "b")
    hear = await listener(talker, is_blocking)
    told: list[Any] = []
    use = lambda tell: tell.call_tool_streaming(  # noqa: E731
        "say", {"x": 1}, lambda *progress: told.append(progress)
    )
    assert await hear(lambda tell: tell.stream("say", x=1)) == ["a", "b"]
    assert await hear(use) == ["a", "b"]
    assert told == [(1, None, "a"), (2, None, "b")]
    for request in talker.provider.requests:
        params = request.json()["params"]
        assert (params["name"], params["arguments"]) == ("say", {"x": 1})


@either_kind
@pytest.mark.parametrize(
    ("end", "pieces"),
    [
        ({"content": [{"type": "text", "text": "all of it"}]}, ["all of it"]),
        ({"content": [], "structuredContent": {"n": 1}}, ['{"n": 1}']),
        ({"content": []}, []),
    ],
)
async def test_what_says_nothing_before_it_ends_is_one_piece(
    listener: Any, is_blocking: bool, end: Any, pieces: list[str]
) -> None:
    hear = await listener(Talker(**end), is_blocking)
    assert await hear(lambda tell: tell.stream()) == pieces


@either_kind
async def test_a_stream_that_fails_raises_after_its_pieces(
    listener: Any, is_blocking: bool
) -> None:
    end = {"content": [{"type": "text", "text": "no more"}], "isError": True}
    heard: list[str] = []

    async def noting(tell: Any) -> Any:
        async for piece in tell.stream():
            heard.append(piece)
            yield piece

    def noting_sync(tell: Any) -> Any:
        for piece in tell.stream():
            heard.append(piece)
            yield piece

    hear = await listener(Talker("a", **end), is_blocking)
    with pytest.raises(RuntimeError, match=r"^no more$"):
        await hear(noting_sync if is_blocking else noting)
    assert heard == ["a"]


@either_kind
async def test_whoever_leaves_a_stream_gives_the_call_up(listener: Any, is_blocking: bool) -> None:
    talker = Talker(*("x" * 1000 for _ in range(10_000)))
    talker.may_go_on.clear()

    async def first(tell: Any) -> Any:
        async with aclosing(tell.stream()) as pieces:
            async for piece in pieces:
                yield piece
                break

    def first_sync(tell: Any) -> Any:
        pieces = tell.stream()
        yield next(pieces)
        pieces.close()

    hear = await listener(talker, is_blocking)
    assert await hear(first_sync if is_blocking else first) == ["x" * 1000]
    talker.may_go_on.set()
    assert await asyncio.to_thread(talker.left.wait, 10), "the connection is closed"


async def test_the_callee_says_how_long_it_may_be_silent(listener: Any) -> None:
    talker = Talker("a", "b")
    talker.may_go_on.clear()
    hear = await listener(talker, False, stream_timeout=0.1)
    with pytest.raises(RuntimeError, match=r"100ms|0\.1"):
        await hear(lambda tell: tell.stream())
    talker.may_go_on.set()


@either_kind
async def test_an_own_tool_is_streamed_without_leaving_the_process(
    registry: FakeRegistry, join: Join, is_blocking: bool
) -> None:
    def own(name: str) -> dict[str, Any]:
        return provider("http://127.0.0.1:1", name, agent_id="tester-1")

    slots = [own("tell"), own("plain"), own("broken")]
    registry.wiring = {"ask": slots, "ask_sync": slots}

    @mesh.tool("tell")
    async def tell(words: int) -> mesh.Stream[str]:
        for number in range(words):
            yield f"{number}{mesh.TraceContext.get_propagated_headers()}"

    @mesh.tool("plain")
    def plain() -> dict[str, int]:
        return {"n": 1}

    @mesh.tool("broken")
    async def broken() -> mesh.Stream[str]:
        yield "a"
        raise ValueError("own fault")

    @mesh.tool("ask", dependencies=["tell", "plain", "broken"])
    async def ask(
        tell: mesh.McpMeshTool = None,
        plain: mesh.McpMeshTool = None,
        broken: mesh.McpMeshTool = None,
    ) -> list[str]:
        headers = {"x-tenant": "blue"}
        heard = [piece async for piece in tell.stream(words=2, headers=headers)]
        heard += [piece async for piece in plain.stream()]
        with pytest.raises(RuntimeError, match="own fault"):
            async for piece in broken.stream():
                heard.append(piece)
        return heard

    @mesh.tool("ask_sync", dependencies=["tell", "plain", "broken"])
    def ask_sync(
        tell: mesh.McpMeshTool = None,
        plain: mesh.McpMeshTool = None,
        broken: mesh.McpMeshTool = None,
    ) -> list[str]:
        heard = [*tell.stream(words=2, headers={"x-tenant": "blue"}), *plain.stream()]
        with pytest.raises(RuntimeError, match="own fault"):
            heard.extend(broken.stream())
        return heard

    await join(headers=("x-tenant",))
    heard = await (asyncio.to_thread(ask_sync) if is_blocking else ask())
    assert heard == ["0{'x-tenant': 'blue'}", "1{'x-tenant': 'blue'}", '{"n": 1}', "a"]


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "tools/list": [
        {"tools": [{"name": "one", "inputSchema": {"type": "object"}}], "nextCursor": "2"},
        {"tools": [{"name": "two", "inputSchema": {"type": "object"}}]},
    ],
    "resources/list": [{"resources": [{"name": "r", "uri": "a://b"}]}],
    "resources/read": [{"contents": [{"uri": "a://b", "text": "hi"}]}],
    "prompts/list": [{"prompts": [{"name": "p"}]}],
    "prompts/get": [
        {"messages": [{"role": "user", "content": {"type": "text", "text": "hey"}}]},
    ],
}


@either_kind
async def test_tools_resources_and_prompts_of_the_agent(
    registry: FakeRegistry, closing: ExitStack, join: Join, is_blocking: bool
) -> None:
    def answer(request: Request) -> None:
        message = request.json()
        pages = ANSWERS[message["method"]]
        page = pages[1] if message["params"].get("cursor") == "2" else pages[0]
        request.answer(200, result(request, **page))

    server = FakeProvider(answer)
    closing.callback(server.server.close)
    registry.wiring = {name: [provider(server.url, "tell")] for name in ("ask", "ask_sync")}

    @mesh.tool("ask", dependencies=["tell"])
    async def ask(tell: mesh.McpMeshTool = None) -> list[Any]:
        return [
            await tell.list_tools(),
            await tell.list_resources(),
            await tell.read_resource("a://b"),
            await tell.list_prompts(),
            await tell.get_prompt("p", {"n": 1}),
        ]

    @mesh.tool("ask_sync", dependencies=["tell"])
    def ask_sync(tell: mesh.McpMeshTool = None) -> list[Any]:
        return [
            tell.list_tools(),
            tell.list_resources(),
            tell.read_resource("a://b"),
            tell.list_prompts(),
            tell.get_prompt("p", {"n": 1}),
        ]

    await join()
    heard = await (asyncio.to_thread(ask_sync) if is_blocking else ask())
    tools, resources, contents, prompts, prompt = heard
    assert [tool.name for tool in tools] == ["one", "two"]
    assert [each.name for each in resources] == ["r"]
    assert [each.text for each in contents] == ["hi"]
    assert [each.name for each in prompts] == ["p"]
    assert prompt.messages[0].content.text == "hey"
    sent = {each.json()["method"]: each.json()["params"] for each in server.requests}
    assert sent["resources/read"] == {"uri": "a://b"}
    assert sent["prompts/get"] == {"name": "p", "arguments": {"n": "1"}}


@either_kind
@pytest.mark.parametrize("is_required", [False, True])
async def test_a_session_is_a_header_and_an_argument_of_those_that_ask_for_it(
    listener: Any, is_blocking: bool, is_required: bool
) -> None:
    talker = Talker("ok")
    hear = await listener(talker, is_blocking, session_required=is_required)

    async def calls(tell: Any) -> Any:
        session = await tell.create_session()
        yield session
        yield await tell.call_with_session(session, x=1)
        assert await tell.close_session(session)

    def calls_sync(tell: Any) -> Any:
        session = tell.create_session()
        yield session
        yield tell.call_with_session(session, x=1)
        assert tell.close_session(session)

    session, answer = await hear(calls_sync if is_blocking else calls)
    assert answer == "ok"
    assert session.startswith("session:")
    (request,) = talker.provider.requests
    expected = {"x": 1, "session_id": session} if is_required else {"x": 1}
    assert request.json()["params"]["arguments"] == expected
    assert request.header("x-mesh-session-id") == session


@either_kind
async def test_a_callee_may_ask_for_headers_and_the_caller_wins(
    listener: Any, is_blocking: bool
) -> None:
    talker = Talker("ok")
    wanted = {"X-Kind": "callee", "x-tenant": "callee", "x-secret": "s"}
    hear = await listener(talker, is_blocking, custom_headers=wanted)
    use = lambda tell: tell.stream(headers={"x-tenant": "caller"})  # noqa: E731
    assert await hear(use) == ["ok"]
    (request,) = talker.provider.requests
    assert request.header("x-kind") == "callee"
    assert request.header("x-tenant") == "caller"
    assert request.header("x-secret") is None
