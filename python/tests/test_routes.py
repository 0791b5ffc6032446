"""Routes inside one process: what FastAPI sees, what is injected, what clients get."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import httpx
import pytest
from fake_mesh import FakeProvider, FakeRegistry, provider, result
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from pydantic import BaseModel

import mesh
from mesh.declaring.catalogue import catalogue
from mesh.serving.applications import ApplicationError, follower_of
from mesh.serving.routes import endpoints, mesh_routes


class Order(BaseModel):
    item: str


def current_user(name: str = "nobody") -> str:
    return name.upper()


async def ask(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, **options)


def names(app: FastAPI) -> dict[str, Any]:
    return mesh_routes(endpoints(app), catalogue.routes)


async def test_everything_that_fastapi_injects_stays() -> None:
    app = FastAPI()

    @app.post("/orders/{number}")
    @mesh.route(dependencies=["stock"])
    async def order(
        number: int,
        body: Order,
        user: Annotated[str, Depends(current_user)],
        stock: mesh.McpMeshTool | None = None,
        urgent: bool = False,
    ) -> dict[str, Any]:
        return {
            "number": number,
            "item": body.item,
            "user": user,
            "stock": stock,
            "urgent": urgent,
        }

    answer = await ask(app, "POST", "/orders/7?name=ada&urgent=1", json={"item": "tea"})
    assert answer.json() == {
        "number": 7,
        "item": "tea",
        "user": "ADA",
        "stock": None,
        "urgent": True,
    }
    refused = await ask(app, "POST", "/orders/x", json={})
    assert refused.status_code == 422
    operation = app.openapi()["paths"]["/orders/{number}"]["post"]
    assert [each["name"] for each in operation["parameters"]] == ["number", "urgent", "name"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Order"}


async def test_def_endpoints_get_a_blocking_proxy(
    registry: FakeRegistry, join: Callable[..., Awaitable[Any]]
) -> None:
    echo = FakeProvider(
        lambda request: request.answer(
            200, result(request, content=[{"type": "text", "text": "tea"}])
        )
    )
    app = FastAPI()

    @app.get("/sync")
    @mesh.route(dependencies=["echo"])
    def sync(echo: mesh.McpMeshTool) -> dict[str, Any]:
        return {"echo": echo(text="tea")}

    @app.get("/async")
    @mesh.route(dependencies=["echo"])
    async def async_(echo: mesh.McpMeshTool) -> dict[str, Any]:
        return {"echo": await echo(text="tea")}

    for name, declaration in names(app).items():
        declaration.mcp_name = name
        catalogue.tools[name] = declaration
        registry.wiring[name] = [provider(echo.url, "echo")]
    await join()
    try:
        for path in ("/sync", "/async"):
            assert (await ask(app, "GET", path)).json() == {"echo": "tea"}
    finally:
        echo.server.close()


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_missing_required_dependency_answers_503(kind: str) -> None:
    app = FastAPI()
    scope: dict[str, Any] = {"mesh": mesh, "app": app}
    exec(
        f"""
@app.get("/x")
@mesh.route(dependencies=["echo", {{"capability": "stock", "required": True}}])
{kind} endpoint(echo: mesh.McpMeshTool = None, stock: mesh.McpMeshTool = None):
    raise AssertionError("must not run")
""",
        scope,
    )
    answer = await ask(app, "GET", "/x")
    assert answer.status_code == 503
    assert answer.text == '{"error":"dependency_unavailable","capability":"stock"}'


async def pieces() -> AsyncIterator[str]:
    for piece in ("one\ntwo", "", "three\r\nfour\n", "a\u2028b"):
        yield piece


async def test_a_stream_is_server_sent_events() -> None:
    app = FastAPI()
    closed: list[str] = []

    @app.get("/generator")
    @mesh.route(dependencies=[{"capability": "echo", "required": True}])
    async def generator(echo: mesh.McpMeshTool = None) -> mesh.Stream[str]:
        assert echo is None
        try:
            async for piece in pieces():
                yield piece
        finally:
            closed.append("generator")

    @app.get("/returned")
    @mesh.route()
    async def returned() -> mesh.Stream[str]:
        return pieces()

    expected = "".join(
        f"{each}\n\n"
        for each in (
            "data: one\ndata: two",
            "data: ",
            "data: three\ndata: four",
            "data: a\u2028b",
            "data: [DONE]",
        )
    )
    for path in ("/generator", "/returned"):
        answer = await ask(app, "GET", path)
        assert answer.text == expected
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-accel-buffering"] == "no"
    assert closed == ["generator"]


async def test_a_stream_that_fails_says_so_and_ends() -> None:
    app = FastAPI()

    @app.get("/x")
    @mesh.route()
    async def failing() -> mesh.Stream[str]:
        yield "one"
        raise ValueError('no "more"')

    events = (await ask(app, "GET", "/x")).text.split("\n\n")
    assert events[0] == "data: one"
    name, data = events[1].split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: ")) == {"error": 'no "more"', "type": "ValueError"}
    assert events[2:] == [""]


def test_routes_are_found_wherever_they_are_included() -> None:
    app, inner, outer, mounted = FastAPI(), APIRouter(), APIRouter(prefix="/outer"), FastAPI()

    @inner.api_route("/both", methods=["GET", "POST"])
    @mesh.route(dependencies=["a"])
    async def both(a: mesh.McpMeshTool = None) -> None: ...

    @mounted.get("/there")
    @mesh.route(dependencies=["b"])
    async def there(b: mesh.McpMeshTool = None) -> None: ...

    @app.websocket("/socket")
    @mesh.route(dependencies=["c"])
    async def socket(websocket: WebSocket, c: mesh.McpMeshTool = None) -> None: ...

    @app.get("/plain")
    async def plain() -> None: ...

    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/api")
    app.include_router(inner)
    app.mount("/apps", mounted)
    assert sorted(names(app)) == [
        "GET:/api/outer/inner/both",
        "GET:/apps/there",
        "GET:/both",
        "POST:/api/outer/inner/both",
        "POST:/both",
        "WEBSOCKET:/socket",
    ]


def test_an_application_without_routes_is_no_agent() -> None:
    assert follower_of(FastAPI()) is None


def test_a_route_above_fastapis_decorator_is_an_error_that_says_where() -> None:
    app = FastAPI()

    @mesh.route(dependencies=["a"])
    @app.get("/x")
    async def upside_down(a: mesh.McpMeshTool = None) -> None: ...

    with pytest.raises(ApplicationError) as error:
        follower_of(app)
    assert "`upside_down`" in str(error.value)
    assert "test_routes.py:" in str(error.value)
    assert "/x" in str(error.value)


def test_an_agent_and_routes_do_not_mix() -> None:
    app = FastAPI()

    @app.get("/x")
    @mesh.route(dependencies=["a"])
    async def x(a: mesh.McpMeshTool = None) -> None: ...

    @mesh.agent(name="other")
    class Other: ...

    with pytest.raises(ApplicationError, match=r"test_routes\.py:\d+ cannot be in one process"):
        follower_of(app)


@pytest.mark.parametrize(
    ("environment", "agent_id", "name"),
    [
        ({}, "api-", "my-cool-api"),
        ({"MCP_MESH_API_NAME": "Shop Front"}, "shop-front-api-", "my-cool-api"),
        ({"MCP_MESH_AGENT_NAME": "Shop_Api"}, "shop-api-", "my-cool-api"),
        ({"MCP_MESH_API_NAME": "front", "MCP_MESH_AGENT_NAME": "x"}, "front-api-", "my-cool-api"),
    ],
)
def test_an_application_is_named_by_its_title(
    environment: dict[str, str], agent_id: str, name: str
) -> None:
    from mesh.serving.gateway_settings import api_settings

    settings = api_settings(environment, "My Cool API!")
    prefix, eight = settings.agent_id[: len(agent_id)], settings.agent_id[len(agent_id) :]
    assert (prefix, len(eight), settings.name) == (agent_id, 8, name)
    fixed = api_settings({**environment, "MCP_MESH_AGENT_ID": "mine-1"}, "日本")
    assert (fixed.agent_id, fixed.name) == ("mine-1", agent_id.rstrip("-"))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"write @mesh\.route\(\)"):

        @mesh.route
        async def bare() -> None: ...

    with pytest.raises(ValueError, match="capability must be a non-empty string"):
        mesh.route(dependencies=[{"tags": ["a"]}])
    with pytest.raises(ValueError, match="decorates functions"):
        mesh.route()(object())  # type: ignore[type-var]


async def test_a_switched_off_mesh_leaves_the_endpoint_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_MESH_ENABLED", "false")

    async def endpoint() -> None: ...

    assert mesh.route(dependencies=["a"])(endpoint) is endpoint
    assert catalogue.routes == []
