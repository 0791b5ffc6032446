"""The store that the environment asks for."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from mesh.media.settings import STORAGE, MediaSettings, read_media
from mesh.serving.environment import Environ, SettingError


class Store(Protocol):
    """Where media are; its methods block."""

    def write(self, data: bytes, filename: str, mime_type: str) -> str:
        """Stores the bytes; their URI, which nothing else has."""
        ...

    def read(self, uri: str) -> tuple[bytes, str]:
        """Bytes and media type; raises `ValueError` for what is not in the store and
        `FileNotFoundError` for what is not there."""
        ...

    def check(self) -> None:
        """Raises when the store cannot be used."""
        ...


def current_store() -> Store:
    """The store of this process."""
    return _open(read_media(os.environ))


def checked_media(environ: Environ) -> MediaSettings:
    """The settings, and with `MCP_MESH_MEDIA_STORAGE_VALIDATE` a store that can be used; otherwise
    a `SettingError`."""
    settings = read_media(environ)
    if settings.validate:
        is_s3 = settings.storage == "s3"
        try:
            _open(settings).check()
        except Exception as error:
            name = f"{STORAGE}_{'BUCKET' if is_s3 else 'PATH'}"
            value = settings.bucket if is_s3 else settings.path
            raise SettingError(name, str(value), f"usable, and is not: {error}") from error
    return settings


def scheme_of(uri: str) -> str:
    """`file` or `s3`; raises `ValueError` for what no store has."""
    scheme = urlsplit(uri).scheme
    if scheme not in ("file", "s3"):
        raise ValueError(f"{uri!r} is no medium: its URI begins with file:// or s3://")
    return scheme


@lru_cache(maxsize=8)
def _open(settings: MediaSettings) -> Store:
    # A client of S3 takes long to make and serves any number of threads.
    if settings.storage == "s3":
        from mesh.media.s3 import S3Store

        return S3Store(settings)
    from mesh.media.local import LocalStore

    return LocalStore(settings)
