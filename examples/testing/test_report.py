"""Tests of an agent without a mesh around it."""

import pytest
import report
import weather

import mesh


async def test_a_report_has_the_weather() -> None:
    async with mesh.testing.mesh() as m:
        fake = m.provide("weather", {"degrees": 20}, tags=["metric"])
        assert await m.call(report.report, city="Oslo") == "20 degrees in Oslo"
        assert fake.calls == [{"city": "Oslo"}]


async def test_an_archive_makes_it_better() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("weather", {"degrees": 20}, tags=["metric"])
        m.provide("archive", lambda city, what: len(city + what))
        assert await m.call(report.report, city="Oslo") == "20 degrees in Oslo, usually 11"


async def test_without_the_weather_there_is_no_report() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("weather", {"degrees": 68}, tags=["imperial"])
        assert m.wiring(report.report) == [None, None]
        with pytest.raises(RuntimeError, match="dependency_unavailable"):
            await m.call(report.report, city="Oslo")


async def test_a_failing_archive_fails_the_report() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("weather", {"degrees": 20}, tags=["metric"])
        m.provide("archive", OSError("the disk is full"))
        result = await m.result(report.report, city="Oslo")
        assert result["isError"]
        assert "the disk is full" in result["content"][0]["text"]


async def test_two_agents_together() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(weather)
        await m.agent(report)
        assert m.wiring(report.report) == ["weather", None]
        assert await m.call("report", city="Oslo") == "12 degrees in Oslo"
