"""`@mesh.llm_provider`: a function without a body becomes two tools that ask a model."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from mesh.calling.streams import closing
from mesh.declaring.arguments import Arguments, drop_legacy
from mesh.declaring.catalogue import catalogue
from mesh.declaring.decorators import tool
from mesh.declaring.places import declares
from mesh.thinking.params import vendor_of
from mesh.thinking.provider import Provider
from mesh.thinking.wire import STREAM_TAG, MeshLlmRequest

T = TypeVar("T", bound=Callable[..., Any])

DESCRIPTION = "Answers a conversation with a model, which may use the tools that come with it."


@declares("@mesh.llm_provider")
def llm_provider(
    model: str,
    capability: str = "llm",
    tags: Sequence[str] | None = None,
    version: str = "1.0.0",
    **params: Any,
) -> Callable[[T], T]:
    """Offers a model to the LLM functions of the mesh.

    `model` is `vendor/model`, such as "anthropic/claude-sonnet-4-5"; anthropic, openai and gemini
    need the extra of that name, any other vendor the extra litellm. `params` are the model's
    defaults (temperature, max_tokens, …) and how the vendor is reached (api_key, base_url, timeout
    in seconds, max_retries); keys usually come from the vendor's own environment variable.

    The function's name and docstring are used, its body is not: the agent gets a tool of that name
    and a second, `NAME_stream`, that answers piece by piece. Wrong arguments raise `ValueError`.
    """
    if callable(model):
        raise ValueError('@mesh.llm_provider takes a model: @mesh.llm_provider("vendor/model")')
    check = Arguments("@mesh.llm_provider")
    check.name("model", model)
    check.name("capability", capability)
    check.name("version", version)
    checked_tags = check.texts("tags", tags)
    drop_legacy(params)
    provider = Provider(model, params)
    vendor = vendor_of(model) or "unknown"

    def declare(target: T) -> T:
        # FastMCP can be told to return its own tool object from `@app.tool()`.
        function: Any = getattr(target, "fn", target)
        if not inspect.isroutine(function):
            raise ValueError(f"@mesh.llm_provider decorates functions, got {target!r}")
        description = inspect.getdoc(function) or DESCRIPTION
        offered: dict[str, Any] = {
            "version": version,
            "description": description,
            "vendor": vendor,
        }
        whole = tool(capability, tags=checked_tags, **offered)(_whole(provider, function))
        stream = tool(capability, tags=(*checked_tags, STREAM_TAG), **offered)
        stream(_stream(provider, function))
        for name in (function.__name__, f"{function.__name__}_stream"):
            if name in catalogue.tools:
                catalogue.tools[name].missing = provider.missing
        return target if target is not function else whole  # type: ignore[return-value]

    return declare


def _whole(provider: Provider, function: Any) -> Callable[..., Any]:
    async def answer(request: MeshLlmRequest) -> dict[str, Any]:
        return await provider.answer(request)

    return _in_place_of(function, answer, function.__name__)


def _stream(provider: Provider, function: Any) -> Callable[..., Any]:
    async def stream(request: MeshLlmRequest) -> AsyncIterator[str]:
        frames = provider.frames(request)
        async with closing(frames):
            async for frame in frames:
                yield frame

    return _in_place_of(function, stream, f"{function.__name__}_stream")


def _in_place_of(function: Any, ours: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Our function under the name of the author's, and standing where that one stands."""
    signature = inspect.signature(ours, eval_str=True)
    functools.update_wrapper(ours, function)
    ours.__name__ = name
    ours.__qualname__ = f"{function.__qualname__.removesuffix(function.__name__)}{name}"
    ours.__signature__ = signature  # type: ignore[attr-defined]
    ours.__annotations__ = {
        **{each.name: each.annotation for each in signature.parameters.values()},
        "return": signature.return_annotation,
    }
    return ours
