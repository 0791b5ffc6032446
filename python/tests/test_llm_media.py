"""What a model is shown beside a text."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from llm_vendor import Vendor

import mesh

Join = Callable[..., Awaitable[Any]]
PICTURE = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64,YWJj", "detail": "high"},
}


@pytest.fixture
async def show(join: Join, vendor: Vendor) -> Callable[..., Awaitable[Any]]:
    """Asks with these media; the messages of the request."""

    @mesh.llm(provider={"capability": "llm"})
    @mesh.tool("ask")
    async def ask(media: Any, message: Any = "look", llm: mesh.MeshLlmAgent = None) -> str:
        return await llm(message, media=media)

    vendor.offer("ask")
    await join()

    async def show(media: Any, message: Any = "look") -> Any:
        await ask(media, message)
        return vendor.asked()["messages"][1:]

    return show


@pytest.mark.parametrize(
    ("media", "part"),
    [
        ((b"abc", "image/png"), PICTURE),
        ([(b"abc", "image/png")], PICTURE),
        ("data:image/png;base64,YWJj", PICTURE),
        (
            ["https://pictures.example/a.png"],
            {
                "type": "image_url",
                "image_url": {"url": "https://pictures.example/a.png", "detail": "high"},
            },
        ),
        (
            (b"pdf", "application/pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "cGRm"},
            },
        ),
        ((b"a text", "text/plain"), {"type": "text", "text": "a text"}),
    ],
)
async def test_content_has_the_shape_of_release_3_8(show: Any, media: Any, part: Any) -> None:
    content = [{"type": "text", "text": "look"}, part]
    assert await show(media) == [{"role": "user", "content": content}]


async def test_nothing_to_show_leaves_the_text_alone(show: Any) -> None:
    assert await show(None) == [{"role": "user", "content": "look"}]
    assert await show([]) == [{"role": "user", "content": "look"}]


async def test_media_go_with_the_last_message_of_the_user(show: Any) -> None:
    talk = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": [{"type": "text", "text": "c"}]},
        {"role": "assistant", "content": "d"},
    ]
    shown = await show((b"abc", "image/png"), talk)
    assert shown[2] == {"role": "user", "content": [{"type": "text", "text": "c"}, PICTURE]}
    assert [*shown[:2], shown[3]] == [*talk[:2], talk[3]]
    assert await show(PICTURE["image_url"]["url"], []) == [{"role": "user", "content": [PICTURE]}]


async def test_stored_media_are_read(
    show: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_MESH_MEDIA_STORAGE_PATH", str(tmp_path))
    uri = await mesh.upload_media(b"abc", "photo.png", "image/png")
    link = mesh.media_result(uri, "photo.png", "image/png")
    for media in (uri, [link], link.model_dump(mode="json")):
        content = [{"type": "text", "text": "look"}, PICTURE]
        assert await show(media) == [{"role": "user", "content": content}]
    with pytest.raises(ValueError, match="is not in this agent's media store"):
        await show("file:///etc/passwd")


@pytest.mark.parametrize("media", [b"abc", [b"abc"], [("a", "b")], [3]])
async def test_what_is_no_medium_is_refused(show: Any, media: Any) -> None:
    with pytest.raises(ValueError, match=r"content with its type, such as \(data, 'image/png'\)"):
        await show(media)
    with pytest.raises(ValueError, match="is no medium: its URI begins with"):
        await show("photo.png")


async def test_a_tool_that_blocks_shows_media_as_well(
    join: Join, vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_MESH_MEDIA_STORAGE_PATH", str(tmp_path))

    @mesh.llm(provider={"capability": "llm"})
    @mesh.tool("ask")
    def ask(uri: str, llm: mesh.MeshLlmAgent = None) -> str:
        return llm("look", media=[uri])

    vendor.offer("ask")
    await join()
    uri = await mesh.upload_media(b"abc", "photo.png", "image/png")
    await asyncio.to_thread(ask, uri)
    assert vendor.asked()["messages"][-1]["content"][-1] == PICTURE
