"""Media: what is stored, who may read it, and what tools say of it."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from agent_process import Agents, call, wait_for
from fake_mesh import FakeRegistry

import mesh
from mesh.serving.environment import SettingError
from mesh.serving.settings import resolve


@pytest.fixture
def agents(tmp_path: Path, registry: FakeRegistry) -> Iterator[Agents]:
    agents = Agents(tmp_path, registry.url)
    yield agents
    agents.close()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("MCP_MESH_MEDIA_STORAGE_PATH", str(folder))
    return folder


def path_of(uri: str) -> Path:
    assert uri.startswith("file:///")
    return Path(uri.removeprefix("file://"))


async def test_what_is_stored_comes_back(store: Path) -> None:
    uri = await mesh.upload_media(b"\x89PNG", "chart.png", "image/png")
    assert path_of(uri).is_relative_to(store / "media")
    assert path_of(uri).name == "chart.png"
    assert await mesh.download_media(uri) == (b"\x89PNG", "image/png")


async def test_a_type_that_the_name_does_not_tell_comes_back_too(store: Path) -> None:
    uri = await mesh.upload_media(b"{}", "answer", "application/x-mine")
    assert await mesh.download_media(uri) == (b"{}", "application/x-mine")


async def test_a_second_file_of_the_same_name_is_another_one(store: Path) -> None:
    first = await mesh.upload_media(b"1", "a.txt", "text/plain")
    second = await mesh.upload_media(b"2", "a.txt", "text/plain")
    assert first != second
    assert (await mesh.download_media(first))[0] == b"1"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../store-evil/x", "x"),
        ("..\\..\\x.png", "x.png"),
        ("/etc/passwd", "passwd"),
        ("..", "file"),
        ("", "file"),
        ("a/", "file"),
        (".bashrc", "bashrc"),
        ("nul\0 and\nmore.txt", "nul_and_more.txt"),
        ("Übersicht 1.pdf", "Übersicht_1.pdf"),
        (f"{'a' * 300}.tar.gz", f"{'a' * 57}.gz"),
        (f"a.{'b' * 300}", f"a.{'b' * 30}"),
    ],
)
async def test_defect_19_a_name_leads_nowhere(store: Path, given: str, kept: str) -> None:
    uri = await mesh.upload_media(b"x", given, "application/x-thing")
    stored = [path for path in store.parent.rglob("*") if path.is_file()]
    assert [path.name for path in stored if path.name != ".media-type"] == [kept]
    assert all(path.is_relative_to(store / "media") for path in stored)
    assert await mesh.download_media(uri) == (b"x", "application/x-thing")


async def test_defect_19_only_the_store_is_read(store: Path) -> None:
    uri = await mesh.upload_media(b"x", "a.txt", "text/plain")
    # The guard of 3.8.0 compared texts, and this one begins with the store's path.
    evil = store.parent / "store-evil"
    evil.mkdir()
    (evil / "x").write_text("secret")
    (path_of(uri).parent / "link").symlink_to(evil / "x")
    for foreign in (
        (evil / "x").as_uri(),
        f"file://{store}/../store-evil/x",
        f"file://{store}/%2e%2e/store-evil/x",
        f"file://{path_of(uri).parent}/link",
        "file:///etc/passwd",
        f"file://elsewhere.example{path_of(uri)}",
    ):
        with pytest.raises(ValueError, match="is not in this agent's media store"):
            await mesh.download_media(foreign)
    for other in ("http://localhost/x", "/etc/passwd", "s4://x/y"):
        with pytest.raises(ValueError, match="is no medium"):
            await mesh.download_media(other)
    with pytest.raises(FileNotFoundError, match=r"has no file://"):
        await mesh.download_media(f"file://{store}/media/none")


async def test_what_is_stored_is_private(store: Path) -> None:
    former = os.umask(0)
    try:
        path = path_of(await mesh.upload_media(b"x", "a.bin", "text/plain"))
    finally:
        os.umask(former)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((path.parent / ".media-type").stat().st_mode) == 0o600
    assert stat.S_IMODE(store.stat().st_mode) == 0o700


class Received:
    """An upload, as FastAPI hands it over."""

    def __init__(self, filename: str | None, content_type: str | None) -> None:
        self.filename = filename
        self.content_type = content_type

    async def read(self, size: int = -1) -> bytes:
        return b"bytes"


async def test_uploads_keep_what_the_client_says_of_them(store: Path) -> None:
    saved = await mesh.save_upload_result(Received("../me.png", "image/png"))
    assert (saved.name, saved.mime_type, saved.size) == ("me.png", "image/png", 5)
    assert await mesh.download_media(saved.uri) == (b"bytes", "image/png")
    uri = await mesh.save_upload(Received("a", None), "b.txt", "text/plain")
    assert path_of(uri).name == "b.txt"
    unknown = await mesh.save_upload_result(Received(None, None))
    assert (unknown.name, unknown.mime_type) == ("upload", "application/octet-stream")


async def test_fastapis_uploads_are_uploads(store: Path) -> None:
    import io

    from fastapi import UploadFile
    from starlette.datastructures import Headers

    upload = UploadFile(
        io.BytesIO(b"img"), filename="x.gif", headers=Headers({"content-type": "image/gif"})
    )
    saved: mesh.MediaUpload = await mesh.save_upload_result(upload)
    assert await mesh.download_media(saved.uri) == (b"img", "image/gif")


async def test_results_point_to_media(store: Path) -> None:
    link = mesh.media_result("s3://b/k", "photo", "image/png", "a photo", 7)
    assert link.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "type": "resource_link",
        "uri": "s3://b/k",
        "name": "photo",
        "mimeType": "image/png",
        "description": "a photo",
        "size": 7,
    }
    stored = await mesh.MediaResult(data=b"csv", filename="t.csv", mime_type="text/csv")
    assert (stored.name, stored.size) == ("t.csv", 3)
    assert await mesh.download_media(str(stored.uri)) == (b"csv", "text/csv")


AGENT = """
    {future}
    from typing import Annotated
    import mesh
    from fastmcp import FastMCP

    app = FastMCP("media")

    @app.tool()
    @mesh.tool("see")
    async def see(
        photo: Annotated[str, mesh.MediaParam("image/*")],
        film: mesh.MediaParam("video/*") = None,
        thing: Annotated[str | None, mesh.MediaParam()] = None,
    ) -> str:
        return f"{{await mesh.download_media(photo)}} {{film}}"

    @mesh.tool("draw")
    async def draw():
        return await mesh.MediaResult(b"\\x89PNG", "chart.png", "image/png")

    mesh.agent(name="media")(type("A", (), {{}}))
"""


@pytest.mark.parametrize("future", ["", "from __future__ import annotations"])
async def test_tools_say_which_media_they_take_and_give(
    agents: Agents, registry: FakeRegistry, store: Path, future: str
) -> None:
    agent = agents.start(AGENT.format(future=future), media_storage_path=str(store))
    wait_for("the registration", lambda: registry.registrations or agent.process.poll())
    assert agent.process.poll() is None, agent.errors()
    registration = registry.registrations[0]
    base = f"http://127.0.0.1:{registration['http_port']}"
    schemas = {tool["function_name"]: tool.get("inputSchema") for tool in registration["tools"]}
    properties = schemas["see"]["properties"]
    assert {name: each["x-media-type"] for name, each in properties.items()} == {
        "photo": "image/*",
        "film": "video/*",
        "thing": "*/*",
    }
    assert properties["photo"]["type"] == "string"
    assert schemas["see"]["required"] == ["photo"]
    assert properties["film"]["anyOf"] == [{"type": "string"}, {"type": "null"}]

    link = call(base, "draw")["content"][0]
    assert (link["type"], link["name"], link["mimeType"]) == (
        "resource_link",
        "chart.png",
        "image/png",
    )
    seen = call(base, "see", photo=link["uri"])
    assert seen["content"][0]["text"] == "(b'\\x89PNG', 'image/png') None"
    stolen = call(base, "see", photo="file:///etc/passwd")
    assert stolen["isError"] is True


def test_media_params_may_be_optional() -> None:
    from pydantic import TypeAdapter

    image = mesh.MediaParam("image/*")
    for annotation in (image | None, None | image, Annotated[str | None, image]):
        schema: dict[str, Any] = TypeAdapter(annotation).json_schema()
        assert "image/*" in str(schema)
        assert TypeAdapter(annotation).validate_python(None) is None


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"": "gcs"}, r"MCP_MESH_MEDIA_STORAGE is 'gcs'; it must be 'local' or 's3'"),
        ({"": "s3"}, "MCP_MESH_MEDIA_STORAGE_BUCKET is ''; it must be the name of a bucket"),
        ({"_PREFIX": "../x"}, r"MCP_MESH_MEDIA_STORAGE_PREFIX is '\.\./x'; it must be a relative"),
        ({"_PREFIX": "/x"}, "MCP_MESH_MEDIA_STORAGE_PREFIX"),
        ({"_ENDPOINT": "minio"}, "MCP_MESH_MEDIA_STORAGE_ENDPOINT is 'minio'; it must be a URL"),
        ({"_VALIDATE": "1", "_PATH": "/proc/none"}, "MCP_MESH_MEDIA_STORAGE_PATH .* usable"),
    ],
)
async def test_what_cannot_be_is_refused_at_start(
    variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {f"MCP_MESH_MEDIA_STORAGE{name}": value for name, value in variables.items()}
    with pytest.raises(SettingError, match=told):
        resolve(environ, None)


def test_s3_without_boto3_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    environ = {"MCP_MESH_MEDIA_STORAGE": "s3", "MCP_MESH_MEDIA_STORAGE_BUCKET": "b"}
    with pytest.raises(SettingError, match=r"install mcp-mesh\[s3\]"):
        resolve(environ, None)


def test_settings_have_defaults() -> None:
    media = resolve({}, None).media
    assert (media.storage, str(media.path), media.prefix) == (
        "local",
        "/tmp/mcp-mesh-media",
        "media/",
    )
    assert resolve({"MCP_MESH_MEDIA_STORAGE_PREFIX": "a//b"}, None).media.prefix == "a/b/"


async def test_another_users_folder_in_tmp_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.media.local.DEFAULT_FOLDER", tmp_path)
    monkeypatch.setenv("MCP_MESH_MEDIA_STORAGE_PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        await mesh.upload_media(b"x", "a", "text/plain")


def test_importing_media_loads_no_framework() -> None:
    code = "import sys, mesh\nmesh.MediaParam, mesh.upload_media\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert not {"pydantic", "mcp", "boto3", "asyncio"} & set(loaded.split())
