"""Tests of a task and of a function that asks a model."""

import album
import pytest
import weather

import mesh
from mesh.testing import ToolCall


async def test_an_album_is_a_job() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(album.album)
        job = await m.submit("album", pictures=["a", "b"])
        assert await job.wait(timeout_secs=5) == "an album of 2"
        assert (await job.status())["progress"] == 1.0


async def test_somebody_elses_album_is_awaited() -> None:
    async with mesh.testing.mesh() as m:
        m.provide("album", lambda pictures: f"{len(pictures)} faked", task=True)
        m.provide("caption", "The fjord")
        assert await m.call(album.present, places=["Oslo"]) == ["The fjord", "1 faked"]


async def test_a_caption_is_what_the_model_says() -> None:
    async with mesh.testing.mesh() as m:
        llm = m.llm("Grey, as ever.")
        assert await m.call(album.caption, place="Bergen") == "Grey, as ever."
        messages = llm.requests[0]["messages"]
        assert messages[-1] == {"role": "user", "content": "A picture of Bergen"}


async def test_the_model_may_ask_for_the_weather() -> None:
    async with mesh.testing.mesh() as m:
        await m.agent(weather)
        llm = m.llm(ToolCall("weather", {"city": "Oslo"}), "12 degrees!")
        assert await m.call(album.caption, place="Oslo") == "12 degrees!"
        assert llm.results == ['{"city": "Oslo", "degrees": 12}']


async def test_a_model_that_is_away_is_no_caption() -> None:
    async with mesh.testing.mesh() as m:
        m.llm(ConnectionError("overloaded"))
        with pytest.raises(RuntimeError, match="overloaded"):
            await m.call(album.caption, place="Oslo")
