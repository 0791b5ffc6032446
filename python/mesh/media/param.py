"""`mesh.MediaParam`: an argument that is the URI of a medium."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MediaParam:
    """Says in a tool's schema, as `x-media-type`, which media a parameter takes.

    Write `Annotated[str, mesh.MediaParam("image/*")]`. On its own, as the annotation, it stands for
    a URI that may be left out: `photo: mesh.MediaParam("image/*") = None`.
    """

    media_type: str = "*/*"

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler(str | None if source is self else source)

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> Any:
        return {**handler(core_schema), "x-media-type": self.media_type}

    # `MediaParam("image/*") | None` is what type checkers would have one write.
    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other]  # noqa: UP007  this is where `|` is made

    def __ror__(self, other: Any) -> Any:
        return typing.Union[other, self]  # noqa: UP007
