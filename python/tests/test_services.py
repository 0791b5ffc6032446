"""Service views: dependencies as the methods of one object."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import pytest
from fake_mesh import FakeProvider, FakeRegistry, Request, provider, result
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError

import mesh
from mesh.calling.headers import HeaderRules
from mesh.declaring.catalogue import catalogue
from mesh.serving.servers import adopt

Join = Callable[..., Awaitable[Any]]


@mesh.service
class Weather:
    """Methods out of order, and things beside them."""

    unit: str = "C"

    @mesh.selector("rain.today", tags=["+fast"], version=">=1.0")
    async def rain(self, city: str) -> float: ...

    @mesh.selector("sun.today")
    async def sun(self, city: str) -> float: ...

    async def _private(self) -> None: ...


@mesh.service(min_available=2)
class Both:
    @mesh.selector("b")
    async def beta(self) -> str: ...

    @mesh.selector("a")
    async def alpha(self) -> str: ...


@pytest.fixture
def remote(closing: ExitStack) -> FakeProvider:
    """A provider of every function, which answers with the name under which it was called."""

    def answer(request: Request) -> None:
        content = {"called": request.json()["params"]["name"]}
        request.answer(200, result(request, content=[], structuredContent=content))

    server = FakeProvider(answer)
    closing.callback(server.server.close)
    return server


async def test_methods_come_after_the_dependencies_in_the_order_of_their_names(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    @mesh.tool("ask", dependencies=["first"])
    async def ask(
        weather: Weather, text: str, first: mesh.McpMeshTool = None, both: Both | None = None
    ) -> list[Any]:
        assert isinstance(weather, Weather)
        assert isinstance(both, Both)
        return [
            (await each)["called"]
            for each in (
                first(),
                weather.rain(city=text),
                weather.sun({"city": text}, headers={"x-app": "1"}),
                both.alpha(),
                both.beta(),
            )
        ]

    slots = ["first", "rain", "sun", "alpha", "beta"]
    registry.wiring = {"ask": [provider(remote.url, name) for name in slots]}
    await join(headers=("x-app",))
    assert await ask(text="Oslo") == slots
    (tool,) = registry.registrations[0]["tools"]
    assert tool["dependencies"] == [
        {"capability": "first"},
        {"capability": "rain.today", "tags": ["+fast"], "version": ">=1.0"},
        {"capability": "sun.today"},
        {"capability": "a"},
        {"capability": "b"},
    ]
    assert remote.requests[2].json()["params"]["arguments"] == {"city": "Oslo"}
    assert remote.requests[2].header("x-app") == "1"


async def test_a_method_without_a_provider_fails_when_it_is_called(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [None, provider(remote.url, "sun")]}

    @mesh.tool("ask")
    async def ask(weather: Weather) -> Any:
        with pytest.raises(ToolError) as caught:
            await weather.rain(city="Oslo")
        assert str(caught.value) == '{"error":"dependency_unavailable","capability":"rain.today"}'
        with pytest.raises(
            TypeError, match="takes keywords, or one dictionary of arguments, and not 'O'"
        ):
            await weather.sun("O")  # type: ignore[misc]
        return await weather.sun(city="Oslo")

    await join()
    assert await ask() == {"called": "sun"}


async def test_a_service_follows_the_mesh_and_says_when_too_little_of_it_is_there(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    registry.wiring = {"ask": [provider(remote.url, "alpha"), None]}

    @mesh.tool("ask")
    async def ask(both: Both) -> Any:
        return await both.alpha()

    member = await join()
    with pytest.raises(mesh.MeshServiceUnavailableError, match="1 of its 2 methods") as caught:
        await ask()
    assert (
        caught.value.service,
        caught.value.methods_available,
        caught.value.methods_total,
        caught.value.min_available,
    ) == ("Both", 1, 2, 2)
    registry.rewire({"ask": [provider(remote.url, "alpha"), provider(remote.url, "beta")]})
    deadline = time.monotonic() + 5
    while member.agent.slot("ask", 1) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert await ask() == {"called": "alpha"}


async def test_a_required_method_keeps_the_tool_from_running(join: Join) -> None:
    @mesh.service
    class Strict:
        @mesh.selector("needed", required=True)
        async def needed(self) -> None: ...

    @mesh.tool("ask")
    async def ask(strict: Strict) -> str:
        return "ran"

    await join()
    with pytest.raises(ToolError, match=r"dependency_unavailable.*needed"):
        await ask()

    class Fake:
        async def needed(self) -> None: ...

    assert await ask(strict=Fake()) == "ran"


async def test_a_call_waits_for_the_methods_while_the_mesh_settles(
    registry: FakeRegistry, join: Join, remote: FakeProvider
) -> None:
    @mesh.tool("ask")
    async def ask(both: Both) -> Any:
        return await both.beta()

    await join(settle=10)
    call = asyncio.create_task(ask())
    await asyncio.sleep(0)
    registry.rewire({"ask": [provider(remote.url, "alpha"), provider(remote.url, "beta")]})
    assert await asyncio.wait_for(call, 5) == {"called": "beta"}


async def test_without_a_mesh_there_is_a_service_that_has_nobody() -> None:
    @mesh.tool("ask")
    async def ask(weather: Weather) -> Any:
        assert repr(weather) == "<service Weather of ask>"
        return await weather.sun(city="Oslo")

    with pytest.raises(ToolError, match="dependency_unavailable"):
        await ask()


def declare_plain_method() -> None:
    @mesh.service
    class Odd:
        @mesh.selector("x")
        def ask(self) -> None: ...


def declare_without_selector() -> None:
    @mesh.service
    class Odd:
        async def ask(self) -> None: ...


def declare_a_floor_too_high() -> None:
    @mesh.service(min_available=2)
    class Odd:
        @mesh.selector("x")
        async def ask(self) -> None: ...


def declare_a_name() -> None:
    mesh.service("odd")  # type: ignore[type-var]


def declare_a_function() -> None:
    mesh.service(declare_a_name)  # type: ignore[type-var]


def declare_a_selector_without_a_capability() -> None:
    mesh.selector("")


def declare_a_plain_tool() -> None:
    @mesh.tool("ask")
    def ask(weather: Weather) -> None: ...


def declare_one_dependency_too_many() -> None:
    @mesh.tool("ask", dependencies=["a"])
    async def ask(weather: Weather) -> None: ...


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (declare_plain_method, r"`Odd\.ask` must be `async def`"),
        (declare_without_selector, r"`Odd\.ask` has no @mesh\.selector"),
        (declare_a_floor_too_high, "min_available must be at most 1"),
        (declare_a_name, "takes no name"),
        (declare_a_function, "decorates classes"),
        (
            declare_a_selector_without_a_capability,
            r"@mesh\.selector at .*py:\d+: capability must be",
        ),
        (declare_a_plain_tool, "`ask` has a parameter of the service Weather.*`async def`"),
        (declare_one_dependency_too_many, "`ask` has parameters for 0 dependencies, declares 1"),
    ],
)
def test_what_cannot_work_is_refused(declare: Callable[[], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declare()


def test_a_service_without_methods_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):

        @mesh.service()
        class Empty: ...

    assert "`Empty` has no methods" in caplog.text


def test_a_service_inherits_methods() -> None:
    @mesh.service
    class More(Both):
        @mesh.selector("c")
        async def aardvark(self) -> None: ...

    view = More.__mesh_service__  # type: ignore[attr-defined]
    assert [name for name, _ in view.edges] == ["aardvark", "alpha", "beta"]


@pytest.mark.parametrize("is_above", [True, False])
async def test_a_service_is_hidden_above_and_below_fastmcps_decorator(is_above: bool) -> None:
    app: FastMCP[Any] = FastMCP("app")

    async def ask(city: str, weather: Weather) -> str:
        return f"{city} {weather!r}"

    if is_above:
        mesh.tool("ask")(app.tool()(ask))
    else:
        app.tool()(mesh.tool("ask")(ask))
    _, served = await adopt("agent", catalogue, {"app": app}, HeaderRules(()))
    assert list(served["ask"].parameters["properties"]) == ["city"]
    async with Client(app) as client:
        outcome = await client.call_tool("ask", {"city": "Oslo"})
    assert outcome.data == "Oslo <service Weather of ask>"
