"""`mesh.testing`: functions that ask an LLM, and a model that says what the test has written."""

from typing import Any

import pytest
from pydantic import BaseModel

import mesh
from mesh.testing import ToolCall
from mesh.thinking.errors import LLMAPIError


class Plan(BaseModel):
    city: str
    days: int


@mesh.tool("answer")
@mesh.llm(
    provider={"capability": "llm"},
    filter=[{"capability": "forecast"}],
    system_prompt="Be brief.",
    max_iterations=3,
)
async def answer(question: str, llm: mesh.MeshLlmAgent = None) -> str:
    if llm is None:
        return "nobody thinks"
    said = await llm(question, temperature=0.5)
    return f"{said} ({said._mesh_meta.model})"


@mesh.tool("plan")
@mesh.llm(provider={"capability": "llm", "tags": ["good"]})
async def plan(wish: str, llm: mesh.MeshLlmAgent = None) -> Plan:
    return await llm(wish)


@mesh.tool("tell")
@mesh.llm(provider={"capability": "llm"})
async def tell(llm: mesh.MeshLlmAgent = None) -> mesh.Stream[str]:
    async for piece in llm.stream("tell me"):
        yield piece


@mesh.tool("blocking")
@mesh.llm(provider={"capability": "llm"})
def blocking(llm: mesh.MeshLlmAgent = None) -> str:
    return llm("hi") + "".join(llm.stream("again"))


async def test_a_scripted_model_answers_and_remembers_what_it_was_asked() -> None:
    async with mesh.testing.mesh() as m:
        assert await m.call(answer, question="why") == "nobody thinks"
        llm = m.llm("42", model="acme/thinker")
        assert await m.call(answer, question="why") == "42 (acme/thinker)"
        (request,) = llm.requests
        assert request["messages"][0] == {"role": "system", "content": "Be brief."}
        assert request["messages"][-1] == {"role": "user", "content": "why"}
        assert request["model_params"] == {"temperature": 0.5, "max_iterations": 3}
        with pytest.raises(RuntimeError, match="the script of the fake LLM `fake-llm` is over"):
            await m.call(answer, question="why")


async def test_a_model_uses_the_tools_that_the_filter_selects() -> None:
    def forecast(city: str) -> dict[str, Any]:
        """The weather of a city."""
        return {"sky": "clear"} if city == "Oslo" else {"sky": "grey"}

    async with mesh.testing.mesh() as m:
        fake = m.provide("forecast", forecast)
        m.provide("other", "not for the model")
        calls = [ToolCall("forecast", {"city": city}) for city in ("Oslo", "Bergen")]
        llm = m.llm(calls, ToolCall("nobody"), lambda request: request["messages"][-1]["content"])
        assert await m.call(answer, question="sun?") == "sun? (fake/model)"
        assert fake.calls == [{"city": "Oslo"}, {"city": "Bergen"}]
        assert llm.results[:2] == ['{"sky": "clear"}', '{"sky": "grey"}']
        assert "there is no tool `nobody`" in llm.results[2]
        (offered,) = llm.requests[0]["tools"]
        assert offered["function"]["name"] == "forecast"
        assert offered["function"]["description"] == "The weather of a city."
        assert offered["function"]["parameters"]["required"] == ["city"]


async def test_real_tools_of_other_agents_are_used_as_well() -> None:
    @mesh.tool("forecast", dependencies=["station"])
    async def forecast(city: str, station: mesh.McpMeshTool = None) -> str:
        return f"{await station()} in {city}"

    async with mesh.testing.mesh() as m:
        m.provide("station", "storm")
        await m.agent(forecast, name="weather")
        llm = m.llm(ToolCall("forecast", {"city": "Oslo"}), "mind the storm")
        assert await m.call(answer, question="?") == "mind the storm (fake/model)"
        assert llm.results == ["storm in Oslo"]


async def test_a_model_that_never_ends_meets_its_limit() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("forecast", "clear")
        m.llm(*[ToolCall("forecast")] * 3)
        with pytest.raises(RuntimeError, match="3"):
            await m.call(answer, question="?")


async def test_typed_answers_are_parsed_as_they_are() -> None:
    async with mesh.testing.mesh() as m:
        m.llm("no", tags=["bad"])
        llm = m.llm(Plan(city="Oslo", days=2), {"city": "Rome"}, tags=["good"])
        assert await m.call(plan, wish="north") == {"city": "Oslo", "days": 2}
        with pytest.raises(RuntimeError, match="days"):
            await m.call(plan, wish="south")
        assert llm.requests[0]["model_params"]["output_type_name"] == "Plan"


async def test_streams_come_word_by_word() -> None:
    @mesh.tool(dependencies=["tell"])
    async def hear(tell: mesh.McpMeshTool = None) -> list[str]:
        return [piece async for piece in tell.stream()]

    async with mesh.testing.mesh() as m:
        m.llm("once upon a time")
        await m.agent(tell, name="teller")
        assert await m.call(hear) == ["once ", "upon ", "a ", "time"]


async def test_def_tools_ask_too() -> None:
    async with mesh.testing.mesh() as m:
        m.llm("one ", "two")
        assert await m.call(blocking) == "one two"


async def test_a_failing_model_fails_as_a_real_one() -> None:
    @mesh.tool()
    @mesh.llm(provider={"capability": "llm"})
    async def careful(llm: mesh.MeshLlmAgent = None) -> str:
        try:
            return await llm("hi")
        except LLMAPIError as error:
            return str(error)

    async with mesh.testing.mesh() as m:
        m.llm(ConnectionError("overloaded"))
        assert "fake/model: overloaded" in await m.call(careful)
