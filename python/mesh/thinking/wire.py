"""What a consumer and a provider of LLMs say to each other.

A consumer makes one MCP call with the argument `request`; the loop of model and tools runs at the
provider, which answers once, or in frames that travel as progress messages. Both shapes are those
of release 3.8, whose agents may be on either side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# How often a provider asks the model for one request, unless the request says otherwise.
DEFAULT_MAX_ITERATIONS = 10

# Marks the tools that answer in frames, and, with a `-` before it, the others in a selector.
STREAM_TAG = "ai.mcpmesh.stream"

# Beside a tool's schema: the base URL of the agent that has it, where the provider calls it.
ENDPOINT = "_mesh_endpoint"

# Parameters of `model_params` that are for the provider and not for the model.
OWN_PARAMS = frozenset(
    {
        "max_iterations",
        "model",
        "output_mode",
        "output_schema",
        "output_type_name",
        "parallel_tool_calls",
    }
)

# Why an answer is none, or only a part: out of iterations, cut at `max_tokens`, refused. Releases
# up to 3.8 know the first and take the others for complete answers.
StopReason = Literal["max_iterations", "max_tokens", "refusal"]

OutputMode = Literal["strict", "hint", "text"]


@dataclass
class MeshLlmRequest:
    """One request to an LLM provider: the argument `request` of its tool."""

    # In OpenAI's form: {"role": "system"|"user"|"assistant"|"tool", "content": …}. A content that
    # is a list has parts of type `text`, `image_url` (a data URL) and `document` (base64).
    messages: list[dict[str, Any]]
    # As `tool` makes them; None and [] are the same.
    tools: list[dict[str, Any]] | None = None
    # The model's own (temperature, max_tokens, …) and those of OWN_PARAMS.
    model_params: dict[str, Any] | None = None
    # For logs only; these three are null in all that 3.8 sends.
    context: dict[str, Any] | None = None
    request_id: str | None = None
    caller_agent: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """The JSON of the argument `request`; every field is there, null or not."""
        return asdict(self)


def tool(
    name: str, description: str | None, parameters: Mapping[str, Any] | None, endpoint: str
) -> dict[str, Any]:
    """One entry of `tools`: an MCP tool by its name, and the agent at `endpoint` that has it."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description or "",
            "parameters": dict(parameters or {"type": "object", "properties": {}}),
            ENDPOINT: endpoint,
        },
    }


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of all turns that one request took."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    # As the provider names it, vendor first: "anthropic/claude-…".
    model: str = ""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            other.model or self.model,
        )

    @classmethod
    def from_wire(cls, value: object) -> Usage | None:
        """Reads `_mesh_usage`; None for what is no object. Numbers that are none count as 0."""
        if not isinstance(value, Mapping):
            return None
        model = value.get("model")
        return cls(
            _count(value.get("prompt_tokens")),
            _count(value.get("completion_tokens")),
            model if isinstance(model, str) else "",
        )


@dataclass(frozen=True, slots=True)
class LlmAnswer:
    """What a provider answers: the text of the model's last turn."""

    content: str
    usage: Usage | None = None
    # None for a whole answer.
    stop_reason: str | None = None
    # Only of providers that run no loop of their own: calls that the model wants, OpenAI's form.
    tool_calls: list[dict[str, Any]] = field(default_factory=list)

    def to_wire(self) -> dict[str, Any]:
        """The JSON of the answer, without what is empty."""
        fields: dict[str, Any] = {"role": "assistant", "content": self.content}
        if self.tool_calls:
            fields["tool_calls"] = self.tool_calls
        if self.stop_reason is not None:
            fields["_mesh_stop_reason"] = self.stop_reason
        if self.usage is not None:
            fields["_mesh_usage"] = asdict(self.usage)
        return fields

    @classmethod
    def from_wire(cls, value: object) -> LlmAnswer:
        """Reads an answer; raises `ValueError`. A bare string is an answer, too: some providers
        are tools that somebody wrote by hand."""
        if isinstance(value, str):
            return cls(value)
        if not isinstance(value, Mapping):
            raise ValueError(f"an LLM's answer is an object, got {type(value).__name__}")
        content = value.get("content")
        if content is not None and not isinstance(content, str):
            raise ValueError(f"an LLM's content is a string, got {type(content).__name__}")
        calls = value.get("tool_calls")
        reason = value.get("_mesh_stop_reason")
        return cls(
            content or "",
            Usage.from_wire(value.get("_mesh_usage")),
            reason if isinstance(reason, str) else None,
            list(calls) if isinstance(calls, list) else [],
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A frame: the next piece of the text."""

    content: str

    def to_wire(self) -> str:
        """The frame as the text of a progress message."""
        return json.dumps({"_mesh_frame": "chunk", "content": self.content}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class End:
    """The last frame. 3.8 tells the reason only, and only when it is not the usual one."""

    stop_reason: str | None = None
    usage: Usage | None = None

    def to_wire(self) -> str:
        """The frame as the text of a progress message."""
        frame: dict[str, Any] = {"_mesh_frame": "end"}
        if self.stop_reason is not None:
            frame["stop_reason"] = self.stop_reason
        if self.usage is not None:
            frame["_mesh_usage"] = asdict(self.usage)
        return json.dumps(frame, ensure_ascii=False)


def read_frame(text: str) -> Chunk | End | None:
    """The frame that a progress message carries; None when it is none, but plain text."""
    try:
        frame = json.loads(text)
    except ValueError:
        return None
    if not isinstance(frame, dict):
        return None
    if frame.get("_mesh_frame") == "chunk":
        content = frame.get("content")
        return Chunk(content if isinstance(content, str) else "")
    if frame.get("_mesh_frame") == "end":
        reason = frame.get("stop_reason")
        return End(
            reason if isinstance(reason, str) else None,
            Usage.from_wire(frame.get("_mesh_usage")),
        )
    return None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
