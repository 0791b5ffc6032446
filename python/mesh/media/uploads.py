"""Files that browsers send to a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mesh.media.keys import UNKNOWN_TYPE, safe_name
from mesh.media.results import upload_media


class Upload(Protocol):
    """A received file: FastAPI's and Starlette's `UploadFile`, or what looks like one."""

    @property
    def filename(self) -> str | None:
        """What the client calls it."""
        ...

    @property
    def content_type(self) -> str | None:
        """What the client says that it is."""
        ...

    async def read(self, size: int = -1, /) -> bytes:
        """Its bytes."""
        ...


@dataclass(frozen=True, slots=True)
class MediaUpload:
    """A received file that was stored."""

    uri: str
    name: str
    mime_type: str
    # In bytes.
    size: int


async def save_upload(
    upload: Upload, filename: str | None = None, mime_type: str | None = None
) -> str:
    """Stores a received file and returns its URI; the arguments replace what the client says."""
    return (await save_upload_result(upload, filename, mime_type)).uri


async def save_upload_result(
    upload: Upload, filename: str | None = None, mime_type: str | None = None
) -> MediaUpload:
    """As `save_upload`, with what was stored beside the URI."""
    name = safe_name(filename or upload.filename or "upload")
    kind = mime_type or upload.content_type or UNKNOWN_TYPE
    data = await upload.read()
    return MediaUpload(await upload_media(data, name, kind), name, kind, len(data))
