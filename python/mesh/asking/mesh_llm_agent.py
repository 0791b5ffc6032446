"""The type of the parameter that asks an LLM."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

ContextMode = Literal["append", "prepend", "replace"]
# One message of a conversation: {"role": "user", "content": "…"}.
Message = Mapping[str, Any]
# What a model is shown beside a text: content with its media type, the URI of a stored medium, the
# URL of a picture, or whatever has one as its `uri`, such as a tool's `resource_link`.
Media = Any


class MeshLlmAgent(ABC):
    """An LLM, injected where a parameter of a function under `@mesh.llm` has this type.

    It is None while no provider is there. In an `async def` tool it is awaited; in a `def` tool it
    blocks and returns the result itself. The conversation of model and tools runs at the provider.
    """

    __slots__ = ()

    @abstractmethod
    def set_system_prompt(self, prompt: str) -> None:
        """Replaces the system prompt of the decorator, until this call of the tool ends."""

    @abstractmethod
    def __call__(
        self,
        message: str | Sequence[Message],
        *,
        media: Media | Sequence[Media] | None = None,
        context: Any = None,
        context_mode: ContextMode = "append",
        **params: Any,
    ) -> Any:
        """Asks, with the user's message or with a whole conversation.

        The result is what the function is annotated to return: a text, or an instance of a pydantic
        model; both have a `_mesh_meta`, an `LlmMeta`. `media` goes with the last message of the
        user. `context`, a dictionary or a model, joins what the system prompt's template sees: over
        it (`append`), under it (`prepend`), or instead of it (`replace`). `params` go to the model,
        over those of the decorator.

        Raises `MaxIterationsError`, `ToolExecutionError`, and what else derives from `LlmError`.
        """

    @abstractmethod
    def stream(
        self,
        message: str | Sequence[Message],
        *,
        media: Media | Sequence[Media] | None = None,
        context: Any = None,
        context_mode: ContextMode = "append",
        **params: Any,
    ) -> Any:
        """Asks, and hands on the text as it comes: `async for`, in a `def` tool `for`.

        A provider that does not stream is waited for, and its answer is the only piece.
        """

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        # FastMCP builds a schema of every parameter before `@mesh.tool`, when that one stands
        # above `@app.tool()`, can hide the injected ones.
        from pydantic_core import core_schema

        return core_schema.any_schema()
