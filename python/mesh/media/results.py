"""`mesh.upload_media`, `mesh.download_media`, and results of tools that point to media."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mesh.media.keys import safe_name
from mesh.media.store import current_store, scheme_of

if TYPE_CHECKING:
    from mcp.types import ResourceLink


async def upload_media(data: bytes, filename: str, mime_type: str) -> str:
    """Stores bytes and returns their URI, `file://…` or `s3://…`.

    Each upload has a URI of its own, whatever the file name; that stays as the last part, as far as
    its characters go into file names everywhere. The environment says where the store is:
    `MCP_MESH_MEDIA_STORAGE` and its kin.
    """
    import asyncio

    return await asyncio.to_thread(current_store().write, data, filename, mime_type)


async def download_media(uri: str) -> tuple[bytes, str]:
    """The bytes of a URI in the store, and their media type.

    Raises `ValueError` for a URI that is not in the store, `FileNotFoundError` for one that it does
    not have.
    """
    import asyncio

    scheme_of(uri)
    return await asyncio.to_thread(current_store().read, uri)


def media_result(
    uri: str,
    name: str,
    mime_type: str,
    description: str | None = None,
    size: int | None = None,
) -> ResourceLink:
    """What a tool returns to point to a medium; `size` is in bytes."""
    from mcp.types import ResourceLink

    fields: dict[str, Any] = {
        "type": "resource_link",
        "uri": uri,
        "name": name,
        "mimeType": mime_type,
        "description": description,
        "size": size,
    }
    return ResourceLink.model_validate(fields)


@dataclass(frozen=True, slots=True)
class MediaResult:
    """Stores bytes and points to them: a tool returns `await MediaResult(…)`."""

    data: bytes
    filename: str
    mime_type: str
    # What the result is called; the file name if not given.
    name: str | None = None
    description: str | None = None

    def __await__(self) -> Generator[Any, None, ResourceLink]:
        return self._upload().__await__()

    async def _upload(self) -> ResourceLink:
        uri = await upload_media(self.data, self.filename, self.mime_type)
        return media_result(
            uri,
            self.name or safe_name(self.filename),
            self.mime_type,
            self.description,
            len(self.data),
        )
