"""What a model is shown beside a text."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

from mesh.asking.mesh_llm_agent import Media

# What a model, or its provider, fetches or reads by itself.
PUBLIC = ("https://", "http://", "data:image/")


async def shown(media: Media | Sequence[Media] | None) -> list[dict[str, Any]]:
    """The parts of a message that show `media`; raises what reading them does, or `ValueError`."""
    if _uris(media):
        return await asyncio.to_thread(shown_blocking, media)
    return shown_blocking(media)


def shown_blocking(media: Media | Sequence[Media] | None) -> list[dict[str, Any]]:
    """The same for code that runs in a thread."""
    return [_part(each) for each in _listed(media)]


def _listed(media: Any) -> Sequence[Any]:
    if media is None:
        return ()
    is_one = isinstance(media, (str, bytes, Mapping)) or hasattr(media, "uri")
    is_pair = isinstance(media, tuple) and len(media) == 2 and isinstance(media[0], bytes)
    return [media] if is_one or is_pair else list(media)


def _uris(media: Any) -> list[str]:
    uris = (_uri(each) for each in _listed(media))
    return [uri for uri in uris if uri is not None and not uri.startswith(PUBLIC)]


def _uri(media: Any) -> str | None:
    """The URI of a medium; tools return links that bear one, as objects or as JSON."""
    if isinstance(media, str):
        return media
    uri = media.get("uri") if isinstance(media, Mapping) else getattr(media, "uri", None)
    return None if uri is None else str(uri)


def _part(media: Any) -> dict[str, Any]:
    uri = _uri(media)
    if uri is not None and uri.startswith(PUBLIC):
        return _picture(uri)
    if uri is not None:
        from mesh.media.store import current_store, scheme_of

        scheme_of(uri)
        return _content(*current_store().read(uri))
    match media:
        case (bytes() as content, str() as kind):
            return _content(content, kind)
    raise ValueError(
        "media is content with its type, such as (data, 'image/png'), the URI of a stored medium, "
        f"or the URL of a picture, got {media!r}"
    )


def _content(content: bytes, kind: str) -> dict[str, Any]:
    if kind.startswith("text/"):
        return {"type": "text", "text": content.decode(errors="replace")}
    encoded = base64.b64encode(content).decode()
    if kind.startswith("image/"):
        return _picture(f"data:{kind};base64,{encoded}")
    source = {"type": "base64", "media_type": kind, "data": encoded}
    return {"type": "document", "source": source}


def _picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
