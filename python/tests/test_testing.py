"""`mesh.testing`: a mesh in memory behaves as the real one does."""

import asyncio
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

import mesh
from mesh.calling import membership
from mesh.calling.headers import NOTHING


@mesh.tool("plan", dependencies=[{"capability": "forecast", "tags": ["metric"], "version": ">=1"}])
async def plan_day(city: str, days: int = 1, forecast: mesh.McpMeshTool = None) -> str:
    if forecast is None:
        return "anywhere"
    weather = await forecast(city=city)
    return f"{weather['sky']} for {days}"


@mesh.tool("strict", dependencies=[{"capability": "ledger", "required": True}])
async def strict(ledger: mesh.McpMeshTool = None) -> str:
    return str(await ledger())


@mesh.tool("blocking", dependencies=["ledger"])
def blocking(ledger: mesh.McpMeshTool = None) -> Any:
    return ledger(n=1)


@mesh.tool("chained", dependencies=["strict", "plan"])
async def chained(strict: mesh.McpMeshTool = None, plan: mesh.McpMeshTool = None) -> Any:
    return [strict and await strict(), plan and await plan(city="Oslo")]


async def test_a_fake_is_injected_and_remembers_its_calls() -> None:
    async with mesh.testing.mesh() as m:
        fake = m.provide("forecast", {"sky": "clear"}, tags=["metric"])
        assert await m.call(plan_day, city="Oslo") == "clear for 1"
        assert await m.call(plan_day, {"city": "Oslo"}, days=2) == "clear for 2"
        assert fake.calls == [{"city": "Oslo"}] * 2
        assert m.wiring(plan_day) == ["fake-forecast"]


async def test_what_does_not_suit_is_not_wired() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("forecast", {}, tags=["imperial"])
        m.provide("forecast", {}, tags=["metric"], version="0.9")
        assert m.wiring(plan_day) == [None]
        assert await m.call(plan_day, city="Oslo") == "anywhere"
        better = m.provide("forecast", {"sky": "wet"}, tags=["metric"], version="2.0", name="b")
        m.provide("forecast", {"sky": "dry"}, tags=["metric"], version="1.9", name="a")
        assert m.wiring(plan_day) == ["b"]
        better.leave()
        assert await m.call(plan_day, city="Oslo") == "dry for 1"


async def test_a_required_dependency_fails_as_for_callers_of_a_real_agent() -> None:
    async with mesh.testing.mesh() as m:
        refusal = '{"error":"dependency_unavailable","capability":"ledger"}'
        with pytest.raises(RuntimeError, match="dependency_unavailable") as caught:
            await m.call(strict)
        assert str(caught.value) == refusal
        result = await m.result(strict)
        assert result["isError"] is True
        assert result["content"] == [{"type": "text", "text": refusal}]
        m.provide("ledger", 7)
        assert await m.call(strict) == "7"


async def test_who_lacks_what_it_requires_is_not_wired() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(strict, plan_day, name="others")
        assert m.wiring(chained) == [None, "others"]
        assert await m.call(chained) == [None, "anywhere"]
        m.provide("ledger", "x")
        assert m.wiring(chained) == ["others", "others"]
        assert await m.call(chained) == ["x", "anywhere"]


async def test_a_def_tool_gets_results_and_not_coroutines() -> None:
    async with mesh.testing.mesh() as m:

        async def ledger(n: int) -> int:
            await asyncio.sleep(0)
            return n + 1

        m.provide("ledger", ledger)
        assert await m.call(blocking) == 2
        with pytest.raises(RuntimeError, match=r"await m\.call\(tool"):
            blocking()


async def test_answers_pass_through_json_and_keep_their_types() -> None:
    async with mesh.testing.mesh() as m:
        fake = m.provide("ledger")

        @mesh.tool(dependencies=["ledger"])
        async def kind_of(ledger: mesh.McpMeshTool = None) -> str:
            return repr(await ledger())

        for answer, seen in [
            ("42", "'42'"),
            (42, "42"),
            (None, "None"),
            ((1, 2), "[1, 2]"),
            ({"result": 1}, "{'result': 1}"),
            (Path, None),
        ]:
            fake.answer = answer
            if seen is not None:
                assert await m.call(kind_of) == seen


async def test_failures_read_as_those_of_real_tools() -> None:
    async with mesh.testing.mesh() as m:
        fake = m.provide("ledger", ValueError("no such entry"))
        with pytest.raises(RuntimeError, match="no such entry"):
            await m.call(strict)

        @mesh.tool("ledger")
        def ledger() -> str:
            raise ValueError("no such entry")

        real = await m.result(ledger)
        faked = await fake.result("ledger", {}, NOTHING)
        assert (real["isError"], real["content"]) == (True, faked["content"])

        from fastmcp.exceptions import ToolError

        fake.answer = ToolError('{"error":"claim_superseded","detail":"gone"}')
        seen: list[Any] = []

        @mesh.tool(dependencies=["ledger"])
        async def careful(ledger: mesh.McpMeshTool = None) -> None:
            try:
                await ledger()
            except mesh.SupersededError as error:
                seen.append(error.detail)

        await m.call(careful)
        assert seen == ["gone"]


async def test_arguments_are_validated_as_fastmcp_does() -> None:
    async with mesh.testing.mesh() as m:
        assert await m.call(plan_day, city="Oslo", days="2") == "anywhere"
        result = await m.result(plan_day, days="two")
        assert result["isError"] is True
        with pytest.raises(RuntimeError, match="city"):
            await m.call(plan_day)


async def test_tools_that_a_test_calls_itself_are_filled_too() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("forecast", {"sky": "clear"}, tags=["metric"])
        assert await plan_day(city="Oslo") == "clear for 1"
    assert membership.current() is None
    assert await plan_day(city="Oslo") == "anywhere"


async def test_a_fake_passed_by_hand_wins() -> None:
    async def mine(**_: Any) -> dict[str, str]:
        return {"sky": "mine"}

    async with mesh.testing.mesh() as m:
        m.provide("forecast", {"sky": "clear"}, tags=["metric"])
        assert await plan_day(city="Oslo", forecast=mine) == "mine for 1"


AGENTS = {
    "one": """
        import mesh
        from contextlib import asynccontextmanager
        from fastmcp import Context, FastMCP

        @asynccontextmanager
        async def lifespan(server):
            log.append("up")
            yield {}
            log.append("down")

        log = []
        app = FastMCP("one", lifespan=lifespan)

        @app.tool(name="hello")
        @mesh.tool("greeting", dependencies=["name"])
        async def greet(ctx: Context, name: mesh.McpMeshTool = None) -> str:
            return f"hello {await name()} from {ctx.fastmcp.name}"

        @mesh.tool("count")
        async def count(upto: int) -> mesh.Stream[str]:
            for number in range(upto):
                yield str(number)

        mesh.agent(name="agent-one")(type("A", (), {}))
    """,
    "two": """
        import mesh

        @mesh.tool("name", dependencies=["own", "count"])
        async def greet(own: mesh.McpMeshTool = None, count: mesh.McpMeshTool = None) -> str:
            return f"{await own()} {await count(upto=3)}"

        @mesh.tool("own")
        def own() -> str:
            return "own"

        mesh.agent(name="agent-two")(type("A", (), {}))
    """,
}


async def test_several_agents_of_one_process_call_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import textwrap

    for name, source in AGENTS.items():
        (tmp_path / f"agent_{name}.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    one, two = (importlib.import_module(f"agent_{name}") for name in AGENTS)
    for _ in range(2):
        async with mesh.testing.mesh() as m:
            assert (await m.agent(one)).name == "agent-one"
            await m.agent(two)
            assert m.wiring(one.greet) == ["agent-two"]
            assert m.wiring(two.greet) == ["agent-two", "agent-one"]
            assert await m.call("hello") == "hello own 012 from one"
            assert one.log == ["up"]
        assert one.log == ["up", "down"]
        one.log.clear()
    with pytest.raises(ValueError, match="no agent of this mesh has a tool `nobody`"):
        await m.call("nobody")


async def test_streams_come_in_pieces() -> None:
    async def count(upto: int) -> mesh.Stream[str]:
        for number in range(upto):
            yield str(number)

    @mesh.tool("words")
    async def words() -> mesh.Stream[str]:
        for word in ("a", "b"):
            yield word

    @mesh.tool(dependencies=["count", "words"])
    async def relay(count: mesh.McpMeshTool = None, words: mesh.McpMeshTool = None) -> list[str]:
        pieces = [piece async for piece in count.stream(upto=3)]
        return pieces + [piece async for piece in words.stream()]

    async with mesh.testing.mesh() as m:
        fake = m.provide("count", count)
        await m.agent(words)
        assert await m.call(relay) == ["0", "1", "2", "a", "b"]
        fake.answer = ValueError("no more")
        with pytest.raises(RuntimeError, match="no more"):
            await m.call(relay)


async def test_headers_travel_as_far_as_the_setting_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_MESH_PROPAGATE_HEADERS", "x-tenant")
    async with mesh.testing.mesh() as m:
        fake = m.provide("ledger", 1)
        await m.call(strict, headers={"X-Tenant": "blue", "X-Other": "no"})
        assert fake.headers == [{"x-tenant": "blue"}]


async def test_services_are_filled_in() -> None:
    @mesh.service
    class Weather:
        @mesh.selector("forecast")
        async def forecast(self, city: str) -> str: ...

    @mesh.tool("report")
    async def report(weather: Weather = None) -> str:
        return await weather.forecast(city="Oslo")

    async with mesh.testing.mesh() as m:
        m.provide("forecast", lambda city: f"rain in {city}")
        assert await m.call(report) == "rain in Oslo"
        assert m.wiring(report) == ["fake-forecast"]


async def test_an_llm_is_faked_as_any_other_capability() -> None:
    @mesh.tool("answer")
    @mesh.llm(provider={"capability": "llm"})
    async def answer(question: str, llm: mesh.MeshLlmAgent = None) -> str:
        return await llm(question)

    async with mesh.testing.mesh() as m:
        llm = m.provide("llm", {"role": "assistant", "content": "42"})
        assert await m.call(answer, question="why") == "42"
        assert llm.calls[0]["request"]["messages"][-1] == {"role": "user", "content": "why"}


async def test_routes_are_filled_in() -> None:
    import httpx
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/sky")
    @mesh.route(dependencies=[{"capability": "forecast", "required": True}])
    async def sky(forecast: mesh.McpMeshTool = None) -> Any:
        return await forecast()

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    async with mesh.testing.mesh() as m, client:
        assert (await client.get("/sky")).status_code == 503
        m.provide("forecast", "clear")
        assert (await client.get("/sky")).json() == "clear"
        assert m.wiring(sky) == ["fake-forecast"]


async def test_a_time_out_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MESH_CALL_TIMEOUT", "1")

    async def slow() -> None:
        await asyncio.Event().wait()

    async with mesh.testing.mesh() as m:
        m.provide("ledger", slow)
        with pytest.raises(RuntimeError, match="fake-ledger did not answer within 1"):
            await m.call(strict)


async def test_what_is_no_tool_is_refused() -> None:
    async with mesh.testing.mesh() as m:
        with pytest.raises(ValueError, match=r"is no function under @mesh\.tool"):
            await m.call(len)
        with pytest.raises(ValueError, match=r"`json` has no function under @mesh\.tool"):
            await m.agent(json)
