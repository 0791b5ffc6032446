"""`MCP_MESH_MEDIA_STORAGE` and the variables that belong to it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from mesh.serving.environment import Environ, SettingError, read_flag, read_text, read_url

STORAGE = "MCP_MESH_MEDIA_STORAGE"
# Shared with agents of earlier releases on the same machine.
DEFAULT_FOLDER = Path("/tmp/mcp-mesh-media")  # noqa: S108  what is in it is private


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where media are kept."""

    storage: Literal["local", "s3"]
    # The folder of the local store.
    path: Path
    # What every key begins with; empty, or ending in a slash.
    prefix: str
    # Of S3; None for the local store.
    bucket: str | None
    # Of what speaks S3's protocol elsewhere than at AWS.
    endpoint: str | None
    # Whether the agent starts only when its store can be used.
    validate: bool


def read_media(environ: Environ) -> MediaSettings:
    """Reads the settings; raises `SettingError`."""
    storage = (read_text(environ, STORAGE) or "local").lower()
    if storage not in ("local", "s3"):
        raise SettingError(STORAGE, storage, "'local' or 's3'")
    bucket = read_text(environ, f"{STORAGE}_BUCKET")
    if storage == "s3":
        if bucket is None:
            raise SettingError(f"{STORAGE}_BUCKET", "", f"the name of a bucket, as {STORAGE} is s3")
        if importlib.util.find_spec("boto3") is None:
            cure = "'local', as boto3 is not there: install mcp-mesh[s3]"
            raise SettingError(STORAGE, storage, cure)
    path = read_text(environ, f"{STORAGE}_PATH")
    return MediaSettings(
        storage=cast("Literal['local', 's3']", storage),
        path=DEFAULT_FOLDER if path is None else Path(path),
        prefix=_prefix(environ),
        bucket=bucket,
        endpoint=_endpoint(environ),
        validate=read_flag(environ, f"{STORAGE}_VALIDATE", default=False),
    )


def _prefix(environ: Environ) -> str:
    name = f"{STORAGE}_PREFIX"
    value = read_text(environ, name) or "media/"
    parts = [part for part in value.split("/") if part]
    if value.startswith("/") or "\\" in value or not {".", ".."}.isdisjoint(parts):
        raise SettingError(name, value, "a relative folder such as media/")
    return "".join(f"{part}/" for part in parts)


def _endpoint(environ: Environ) -> str | None:
    schemes = ("http", "https")
    return read_url(environ, f"{STORAGE}_ENDPOINT", "http://localhost:9000", schemes)
