"""What an answer has cost, and how it is said."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mesh.thinking.wire import Usage


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

    @classmethod
    def of(cls, usage: Usage | None, provider: Mapping[str, Any], began: float) -> LlmMeta:
        """Of an answer to what was asked at this point of `time.monotonic`."""
        usage = usage or Usage()
        model = usage.model or str(provider.get("model") or "")
        vendor, slash, _ = model.partition("/")
        return cls(
            provider=vendor if slash else str(provider.get("vendor") or "unknown"),
            model=model,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.prompt_tokens + usage.completion_tokens,
            latency_ms=1000 * (time.monotonic() - began),
        )


def span_fields(metas: Sequence[LlmMeta]) -> list[tuple[str, str]]:
    """What the span of a function says of the answers that it got: the last model, all tokens."""
    if not metas:
        return []
    return [
        ("llm_model", metas[-1].model),
        ("llm_provider", metas[-1].provider),
        ("llm_input_tokens", str(sum(meta.input_tokens for meta in metas))),
        ("llm_output_tokens", str(sum(meta.output_tokens for meta in metas))),
        ("llm_total_tokens", str(sum(meta.total_tokens for meta in metas))),
    ]


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
