"""Anthropic's models through its SDK: its own API, Amazon's Bedrock, and Google's Vertex."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import anthropic

from mesh.thinking.failures import reached, said
from mesh.thinking.options import known_to
from mesh.thinking.vendor import (
    Access,
    BrokenReplyError,
    Message,
    OutputSchema,
    Part,
    Reply,
    Task,
    ToolCall,
    ToolResult,
)
from mesh.thinking.wire import Usage

# The API wants a limit; releases up to 3.8 named this one.
DEFAULT_MAX_TOKENS = 8192

_PARAMS = frozenset(
    {
        "metadata",
        "service_tier",
        "stop_sequences",
        "temperature",
        "thinking",
        "top_k",
        "top_p",
    }
)
# Models before Opus 4.1 and Sonnet 4.5 cannot be held to a schema.
_FREE_ONLY = re.compile(r"claude-(?:[0-3](?!\d)|instant|(?:sonnet|opus)-4(?:-0)?(?:-20\d{6}|@|$))")
_STOPS: dict[str, Any] = {
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
}
# By the way to them: the SDK's client, and what it needs.
_CLIENTS: dict[str, tuple[Any, str]] = {
    "anthropic": (anthropic.AsyncAnthropic, "ANTHROPIC_API_KEY"),
    "bedrock": (anthropic.AsyncAnthropicBedrock, "the credentials of AWS"),
    "vertex_ai": (anthropic.AsyncAnthropicVertex, "the credentials of Google Cloud"),
}
_CACHED = {"type": "ephemeral"}


class Anthropic:
    """The Messages API, by whichever way."""

    def __init__(self, access: Access, *, by: str = "anthropic") -> None:
        client, self._key = _CLIENTS[by]
        options = known_to(client, access.others)
        options["max_retries"] = access.retries
        if access.base_url is not None:
            options["base_url"] = access.base_url
        if access.api_key is not None:
            options["api_key"] = access.api_key
        self._client: Any = client(**options)
        # Named for every request: without one the SDK refuses long answers that are not streamed.
        self._timeout = access.timeout or 600.0

    def begin(self, task: Task) -> AnthropicConversation:
        """Starts a conversation."""
        return AnthropicConversation(self._client, task, self._timeout)

    def holds(self, model: str, *, has_tools: bool) -> bool:  # noqa: ARG002  every vendor is asked
        """Models before Opus 4.1 and Sonnet 4.5 know no schemas."""
        return _FREE_ONLY.search(model) is None

    async def close(self) -> None:
        """Ends its connections."""
        await self._client.close()

    def explain(self, error: Exception) -> str | None:
        """What a failure means."""
        if isinstance(error, anthropic.APITimeoutError):
            return "the vendor did not answer in time"
        if isinstance(error, anthropic.APIStatusError):
            return said(error.status_code, error.body, str(error.message), self._key)
        if isinstance(error, anthropic.APIConnectionError):
            return reached(str(self._client.base_url), error)
        if isinstance(error, TypeError) and "authentication" in str(error):
            return f"there is no key: set {self._key} where the provider runs"
        if isinstance(error, anthropic.AnthropicError):
            return str(error)
        return None


class AnthropicConversation:
    """A task under way, by the Messages API."""

    def __init__(self, client: Any, task: Task, timeout: float) -> None:
        self._client = client
        self._parallel = task.parallel
        self._messages = [_message(message) for message in task.messages]
        self._request: dict[str, Any] = {
            "model": task.model,
            "timeout": timeout,
            "max_tokens": _max_tokens(task),
        }
        # Which of them are keywords changes from release to release of the SDK.
        params = _params(task)
        if params:
            self._request["extra_body"] = params
        if task.system:
            self._request["system"] = task.system
        if task.tools:
            self._request["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": {"type": "object", **tool.schema},
                }
                for tool in task.tools
            ]
            choice = task.params.get("tool_choice") or "auto"
            self._request["tool_choice"] = _tool_choice(choice, parallel=task.parallel)
            # Every turn of the loop begins with the same tools and the same prompt.
            self._request["tools"][-1]["cache_control"] = _CACHED
            if task.system:
                block = {"type": "text", "text": task.system, "cache_control": _CACHED}
                self._request["system"] = [block]
        if task.schema is not None:
            schema = _held(task.schema)
            self._request["output_config"] = {"format": {"type": "json_schema", "schema": schema}}

    async def ask(self) -> Reply:
        """The model's next turn."""
        answer = await self._client.messages.create(messages=self._messages, **self._request)
        return self._end(answer)

    async def stream(self) -> AsyncIterator[str | Reply]:
        """The model's next turn, in pieces."""
        async with self._client.messages.stream(messages=self._messages, **self._request) as events:
            async for text in events.text_stream:
                yield text
            yield self._end(await events.get_final_message())

    def add(self, results: Sequence[ToolResult]) -> None:
        """Tells the model what came of its calls; all of them in one message."""
        self._messages.append({"role": "user", "content": [_result(each) for each in results]})
        # A tool that had to be used has been.
        self._request["tool_choice"] = _tool_choice("auto", parallel=self._parallel)

    def _end(self, answer: Any) -> Reply:
        content = getattr(answer, "content", None)
        if not isinstance(content, list):
            raise BrokenReplyError("the answer has no content")
        if answer.stop_reason is None:
            raise BrokenReplyError("the answer ended in the middle of the model's turn")
        self._messages.append({"role": "assistant", "content": list(_own(content))})
        calls = [block for block in content if block.type == "tool_use"]
        return Reply(
            "".join(block.text for block in content if block.type == "text"),
            _usage(answer.usage),
            tuple(
                ToolCall(
                    block.id, block.name, block.input if isinstance(block.input, dict) else None
                )
                for block in calls
            ),
            _STOPS.get(answer.stop_reason),
        )


def _max_tokens(task: Task) -> Any:
    given = task.params
    return given.get("max_tokens") or given.get("max_completion_tokens") or DEFAULT_MAX_TOKENS


def _params(task: Task) -> dict[str, Any]:
    params = {name: value for name, value in task.params.items() if name in _PARAMS}
    stop = task.params.get("stop")
    if stop is not None:
        params["stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
    return params


def _tool_choice(choice: Any, *, parallel: bool) -> dict[str, Any]:
    """The choice in Anthropic's words; OpenAI's are known, too."""
    if isinstance(choice, str):
        choice = {"type": "any" if choice == "required" else choice}
    elif "function" in choice:
        choice = {"type": "tool", "name": choice["function"]["name"]}
    if parallel or choice["type"] == "none":
        return dict(choice)
    return {**choice, "disable_parallel_tool_use": True}


def _held(schema: OutputSchema) -> Any:
    """The schema in the subset that the API takes; what it drops stays in descriptions."""
    return anthropic.transform_schema(dict(schema.schema))


def _usage(usage: Any) -> Usage:
    cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    return Usage((usage.input_tokens or 0) + cached, usage.output_tokens or 0)


def _own(content: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The model's turn as the API takes it back."""
    for block in content:
        if block.type == "text":
            if block.text:  # The API refuses empty ones.
                yield {"type": "text", "text": block.text}
        elif block.type == "tool_use":
            yield {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
        else:
            # Thoughts are signed, and come back to the letter.
            yield block.to_dict()


def _message(message: Message) -> dict[str, Any]:
    if message.results:
        return {"role": "user", "content": [_result(result) for result in message.results]}
    content: list[dict[str, Any]] = [_part(part) for part in message.parts]
    content.extend(
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments or {})}
        for call in message.calls
    )
    if len(content) == 1 and content[0]["type"] == "text":
        return {"role": message.role, "content": content[0]["text"]}
    return {"role": message.role, "content": content}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part.url is not None:
        source: dict[str, Any] = {"type": "url", "url": part.url}
    else:
        mime_type = part.mime_type.replace("image/*", "image/png")
        source = {"type": "base64", "media_type": mime_type, "data": part.data}
    return {"type": "image" if part.is_image else "document", "source": source}


def _result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": result.call.id,
        "content": [_part(part) for part in result.parts] if result.media else result.text,
    }
    if result.is_error:
        block["is_error"] = True
    return block
