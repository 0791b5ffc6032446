"""What a provider says to a vendor, whichever it is, and what it hears."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from mesh.thinking.wire import Usage


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a document: either its bytes, in base64, or where it can be fetched."""

    mime_type: str
    data: str | None = None
    url: str | None = None

    @property
    def is_image(self) -> bool:
        """Whether it is shown rather than read."""
        return self.mime_type.startswith("image/")


Part = str | Media


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants to be run."""

    id: str
    name: str
    # None when the model wrote something else than an object.
    arguments: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call, for the model."""

    call: ToolCall
    parts: tuple[Part, ...]
    is_error: bool = False

    @property
    def text(self) -> str:
        """What can be said of it in words."""
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def media(self) -> tuple[Media, ...]:
        """What has to be shown."""
        return tuple(part for part in self.parts if isinstance(part, Media))


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation so far."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...] = ()
    # Of the assistant.
    calls: tuple[ToolCall, ...] = ()
    # Of the user, in whose name tools answer.
    results: tuple[ToolResult, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may ask for."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """The JSON that the model has to answer with."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What a model is asked for, before its first turn."""

    # Without the vendor.
    model: str
    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    # Whether the model may ask for several tools in one turn.
    parallel: bool = False
    # To be held to by the vendor; None leaves the model free.
    schema: OutputSchema | None = None
    # temperature, max_tokens, …, in OpenAI's words.
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """One turn of the model."""

    text: str
    usage: Usage
    calls: tuple[ToolCall, ...] = ()
    # None unless the turn is cut, or refused.
    stop_reason: Literal["max_tokens", "refusal"] | None = None


class BrokenReplyError(Exception):
    """The vendor's answer makes no sense, or has no end."""


class Conversation(Protocol):
    """A task under way. Keeps the model's turns as the vendor wants them back."""

    async def ask(self) -> Reply:
        """The model's next turn."""

    def stream(self) -> AsyncIterator[str | Reply]:
        """The model's next turn: its text in pieces, and last the whole."""

    def add(self, results: Sequence[ToolResult]) -> None:
        """Tells the model what came of all the calls of its last turn."""


class Vendor(Protocol):
    """A vendor's API, with a key."""

    def begin(self, task: Task) -> Conversation:
        """Starts a conversation; nothing is sent yet."""

    def holds(self, model: str, *, has_tools: bool) -> bool:
        """Whether the vendor can hold this model to a schema."""

    async def close(self) -> None:
        """Ends its connections."""

    def explain(self, error: Exception) -> str | None:
        """What a failure means, in the words of the vendor; None for a failure that is not its."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a vendor is reached: arguments of the decorator that are never the consumer's."""

    api_key: str | None = None
    base_url: str | None = None
    # Of one request to the vendor, in seconds.
    timeout: float | None = None
    # How often a request is repeated that was turned away for now.
    retries: int = 2
    # Handed to the SDK's client as they are.
    others: Mapping[str, Any] = field(default_factory=dict)
