"""Dependencies are paired by position, follow the mesh, and may be this very agent."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from fake_mesh import FakeProvider, FakeRegistry, Request, provider, result
from fastmcp.exceptions import ToolError

import mesh

Join = Callable[..., Awaitable[Any]]


def name_of_the_tool(request: Request) -> None:
    content = {"called": request.json()["params"]["name"]}
    request.answer(200, result(request, content=[], structuredContent=content))


@pytest.fixture
def remote(closing: ExitStack) -> FakeProvider:
    """A provider of every function, which answers with the name under which it was called."""
    server = FakeProvider(name_of_the_tool)
    closing.callback(server.server.close)
    return server


async def called(dep: mesh.McpMeshTool | None) -> str | None:
    return None if dep is None else (await dep())["called"]


async def test_positions_decide_and_names_never_do(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {
        "five": [provider(remote.url, "a"), None, provider(remote.url, "c"), None, None]
    }

    @mesh.tool("five", dependencies=["a", "b", "c", "d", "e"])
    async def five(
        c: mesh.McpMeshTool = None,
        text: str = "t",
        a: mesh.McpMeshTool | None = None,
        b: mesh.McpMeshTool = None,
        number: int = 1,
        e: mesh.McpMeshAgent = None,
        d: mesh.McpMeshTool = None,
    ) -> list[Any]:
        return [await called(c), a, await called(b), e, d, text, number]

    await join()
    assert await five(text="x", number=2) == ["a", None, "c", None, None, "x", 2]


async def test_a_new_provider_is_seen_by_the_next_call(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    @mesh.tool("ask", dependencies=["a"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return await called(dep)

    member = await join()
    assert await ask() is None
    for wiring, expected in (
        ([provider(remote.url, "first")], "first"),
        ([provider(remote.url, "second")], "second"),
        ([None], None),
        ([provider(remote.url, "first")], "first"),
    ):
        registry.rewire({"ask": wiring})
        deadline = time.monotonic() + 5
        while True:
            target = member.agent.slot("ask", 0)
            if (target.function_name if target else None) == expected:
                break
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert await ask() == expected


async def test_a_proxy_that_is_kept_follows_the_mesh(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "first")]}
    kept: list[Any] = []

    @mesh.tool("ask", dependencies=["a"])
    async def ask(dep: mesh.McpMeshTool = None) -> None:
        kept.append(dep)

    member = await join()
    await ask()
    assert await called(kept[0]) == "first"
    registry.rewire({"ask": [provider(remote.url, "second")]})
    while member.agent.slot("ask", 0).function_name != "second":
        await asyncio.sleep(0.01)
    assert await called(kept[0]) == "second"


async def test_a_required_dependency_that_nobody_provides_fails_the_call(join: Join) -> None:
    ran: list[str] = []

    @mesh.tool("ask", dependencies=["a", {"capability": "b", "required": True}])
    async def ask(a: mesh.McpMeshTool = None, b: mesh.McpMeshTool = None) -> None:
        ran.append("ran")

    await join()
    with pytest.raises(ToolError) as caught:
        await ask()
    assert str(caught.value) == '{"error":"dependency_unavailable","capability":"b"}'
    assert not ran


async def test_a_required_dependency_without_a_parameter_counts_as_well(join: Join) -> None:
    @mesh.tool("ask", dependencies=[{"capability": "b", "required": True}])
    def ask() -> str:
        return "ran"

    await join()
    with pytest.raises(ToolError, match="dependency_unavailable"):
        await asyncio.to_thread(ask)


async def test_a_caller_inside_the_process_may_bring_its_own(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "a")]}

    @mesh.tool("ask", dependencies=["a"])
    async def ask(name: str, dep: mesh.McpMeshTool = None) -> Any:
        return (name, dep if isinstance(dep, str) else await called(dep))

    await join()
    assert await ask("x", dep="mine") == ("x", "mine")
    assert await ask("x", "mine") == ("x", "mine")
    assert await ask("x", None) == ("x", "a")


async def test_without_a_running_agent_dependencies_are_none() -> None:
    @mesh.tool("ask", dependencies=["a"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return dep

    assert await ask() is None


async def test_first_calls_wait_until_the_mesh_has_settled(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    @mesh.tool("ask", dependencies=["a"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return await called(dep)

    @mesh.tool("ask_sync", dependencies=["a"])
    def ask_sync(dep: mesh.McpMeshTool = None) -> Any:
        return None if dep is None else dep()["called"]

    await join(settle=5)
    waiting = asyncio.create_task(ask())
    waiting_sync = asyncio.create_task(asyncio.to_thread(ask_sync))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    assert not waiting_sync.done()
    slots = [provider(remote.url, "a")]
    registry.rewire({"ask": slots, "ask_sync": slots})
    assert await asyncio.wait_for(asyncio.gather(waiting, waiting_sync), 3) == ["a", "a"]


async def test_when_the_settle_window_is_over_nobody_waits(join: Join) -> None:
    @mesh.tool("ask", dependencies=["a"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        return dep

    await join(settle=0.2)
    before = time.monotonic()
    assert await ask() is None
    assert time.monotonic() - before < 2
    assert await asyncio.wait_for(ask(), 0.1) is None


async def test_a_dependency_on_oneself_is_called_in_the_process(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    here = provider("http://127.0.0.1:1", "inner", agent_id="tester-1")
    registry.wiring = {
        "inner": [provider(remote.url, "far")],
        "outer": [here],
        "outer_sync": [here],
        "failing": [provider("http://127.0.0.1:1", "broken", agent_id="tester-1")],
    }

    @mesh.tool("inner", dependencies=["far"])
    async def inner(text: str, dep: mesh.McpMeshTool = None) -> dict[str, Any]:
        return {"text": text, "dep": await called(dep)}

    @mesh.tool("outer", dependencies=["inner"])
    async def outer(dep: mesh.McpMeshTool = None) -> Any:
        return await dep(text="hi")

    @mesh.tool("outer_sync", dependencies=["inner"])
    def outer_sync(dep: mesh.McpMeshTool = None) -> Any:
        return dep({"text": "hi"})

    @mesh.tool("broken")
    def broken() -> None:
        raise KeyError("what")

    @mesh.tool("failing", dependencies=["broken"])
    async def failing(dep: mesh.McpMeshTool = None) -> Any:
        return await dep()

    await join()
    expected = {"text": "hi", "dep": "far"}
    assert await outer() == expected
    assert await asyncio.to_thread(outer_sync) == expected
    with pytest.raises(RuntimeError, match="what") as caught:
        await failing()
    assert isinstance(caught.value.__cause__, KeyError)


async def test_an_async_generator_gets_its_dependencies_too(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "a")]}

    @mesh.tool("ask", dependencies=["a"])
    async def ask(dep: mesh.McpMeshTool = None) -> Any:
        yield await called(dep)

    await join()
    assert [item async for item in ask()] == ["a"]


def test_the_wrapper_looks_like_the_tool_without_its_dependencies() -> None:
    import inspect

    @mesh.tool("ask", dependencies=["a"])
    def ask(name: str, dep: mesh.McpMeshTool = None) -> str:
        """Asks."""
        return name

    assert str(inspect.signature(ask)) == "(name: str) -> str"
    assert ask.__annotations__ == {"name": str, "return": str}
    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    assert json.loads(json.dumps(ask(name="x"))) == "x"
