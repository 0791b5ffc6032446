"""Media in S3: boto3 against moto's server, which is a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_process import wait_for

import mesh
from mesh.serving.environment import SettingError
from mesh.serving.settings import resolve

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=output,
            stderr=output,
            env={**os.environ, **CREDENTIALS, "PYTHONUNBUFFERED": "1"},
        )
    try:
        found = wait_for(
            f"moto: {log}", lambda: re.search(r"Running on (http://\S+)", log.read_text())
        )
        assert found is not None
        yield found[1]
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def variables(s3: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    import boto3

    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket="photos")
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket="photos-private")
    variables = {
        "MCP_MESH_MEDIA_STORAGE": "s3",
        "MCP_MESH_MEDIA_STORAGE_BUCKET": "photos",
        "MCP_MESH_MEDIA_STORAGE_ENDPOINT": s3,
        "MCP_MESH_MEDIA_STORAGE_PREFIX": "team",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


async def test_what_is_stored_comes_back(variables: dict[str, str]) -> None:
    uri = await mesh.upload_media(b"\x89PNG", "../my chart.png", "image/x-mine")
    assert re.fullmatch(r"s3://photos/team/[0-9a-f]{32}/my_chart\.png", uri)
    assert await mesh.download_media(uri) == (b"\x89PNG", "image/x-mine")


async def test_only_the_bucket_is_read(variables: dict[str, str], tmp_path: Path) -> None:
    for foreign in ("s3://photos-private/x", "s3://other/x", tmp_path.as_uri()):
        with pytest.raises(ValueError, match="is not in this agent's media store"):
            await mesh.download_media(foreign)
    with pytest.raises(FileNotFoundError, match="has no s3://photos/x"):
        await mesh.download_media("s3://photos/x")


async def test_the_bucket_is_looked_at_before_the_start(variables: dict[str, str]) -> None:
    validate = {"MCP_MESH_MEDIA_STORAGE_VALIDATE": "true"}
    assert resolve(variables | validate, None).media.bucket == "photos"
    missing = {"MCP_MESH_MEDIA_STORAGE_BUCKET": "missing"}
    with pytest.raises(SettingError, match=r"STORAGE_BUCKET is 'missing'; .* \(404\)"):
        resolve(variables | missing | validate, None)
