"""What an answer has cost, and how it is said."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LlmMeta:
    """Who has answered, and at what cost; `_mesh_meta` of an answer."""

    # The vendor, such as `anthropic`.
    provider: str
    # As the provider names it, vendor first.
    model: str
    # Of all turns that the answer took.
    input_tokens: int
    output_tokens: int
    total_tokens: int
    # From the request to the answer.
    latency_ms: float


class Text(str):
    """An answer that is a text. As good as a `str`, with room for its meta data."""

    __slots__ = ("_mesh_meta",)

    _mesh_meta: LlmMeta


def with_meta(answer: Any, meta: LlmMeta) -> Any:
    """The answer, with `_mesh_meta` where it can bear it: texts and models can."""
    if type(answer) is str:
        answer = Text(answer)
    # A list, a number and the like have no room for it.
    with suppress(AttributeError, TypeError):
        # Models refuse to set what is no field of theirs.
        object.__setattr__(answer, "_mesh_meta", meta)
    return answer
