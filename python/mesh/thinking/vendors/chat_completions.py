"""The form of OpenAI's chat completions, which litellm speaks as well."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from mesh.thinking import output
from mesh.thinking.messages import arguments
from mesh.thinking.vendor import (
    BrokenReplyError,
    Media,
    Message,
    OutputSchema,
    Part,
    Reply,
    Task,
    ToolCall,
    ToolResult,
)
from mesh.thinking.wire import Usage


class ChatConversation:
    """A task under way, by chat completions. `send` takes the keywords of OpenAI's `create`, and
    returns what that returns."""

    def __init__(
        self, send: Callable[..., Awaitable[Any]], task: Task, params: Mapping[str, Any]
    ) -> None:
        self._send = send
        self._messages = list(_messages(task))
        self._request: dict[str, Any] = {"model": task.model, **params}
        if task.tools:
            self._request["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": dict(tool.schema),
                    },
                }
                for tool in task.tools
            ]
        if task.schema is not None:
            self._request["response_format"] = _response_format(task.schema)

    async def ask(self) -> Reply:
        """The model's next turn."""
        answer = await self._send(messages=self._messages, **self._request)
        choices = getattr(answer, "choices", None)
        if not choices:
            raise BrokenReplyError("the answer has no choices")
        turn = _Turn()
        turn.usage = _usage(getattr(answer, "usage", None))
        turn.text.append(choices[0].message.content or "")
        turn.refusal.append(getattr(choices[0].message, "refusal", None) or "")
        for index, call in enumerate(choices[0].message.tool_calls or ()):
            turn.add_call(index, call)
        turn.finish = choices[0].finish_reason
        return self._end(turn)

    async def stream(self) -> AsyncIterator[str | Reply]:
        """The model's next turn, in pieces."""
        events = await self._send(
            messages=self._messages,
            stream=True,
            stream_options={"include_usage": True},
            **self._request,
        )
        turn = _Turn()
        async for event in events:
            turn.usage = _usage(getattr(event, "usage", None)) or turn.usage
            for choice in event.choices or ():
                turn.finish = choice.finish_reason or turn.finish
                turn.refusal.append(getattr(choice.delta, "refusal", None) or "")
                for call in choice.delta.tool_calls or ():
                    turn.add_call(call.index, call)
                if choice.delta.content:
                    turn.text.append(choice.delta.content)
                    yield choice.delta.content
        yield self._end(turn)

    def add(self, results: Sequence[ToolResult]) -> None:
        """Tells the model what came of its calls."""
        self._messages.extend(_results(results))
        # A tool that had to be used has been.
        self._request.pop("tool_choice", None)

    def _end(self, turn: _Turn) -> Reply:
        if turn.finish is None:
            raise BrokenReplyError("the answer ended in the middle of the model's turn")
        reply = turn.reply()
        self._messages.append(_assistant(reply.text, list(turn.calls.values())))
        return reply


class _Turn:
    """What the model has said so far."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.refusal: list[str] = []
        # Id, name and the text of the arguments, by position.
        self.calls: dict[int, list[str]] = {}
        self.usage: Usage | None = None
        self.finish: str | None = None

    def add_call(self, index: int, call: Any) -> None:
        """Adds a call, or another piece of it."""
        known = self.calls.setdefault(index, ["", "", ""])
        known[0] = call.id or known[0]
        if call.function is not None:
            known[1] += call.function.name or ""
            known[2] += call.function.arguments or ""

    def reply(self) -> Reply:
        """The turn as a whole."""
        refusal = "".join(self.refusal)
        is_refused = bool(refusal) or self.finish == "content_filter"
        return Reply(
            "".join(self.text) or refusal,
            self.usage or Usage(),
            tuple(
                ToolCall(call, name, arguments(text)) for call, name, text in self.calls.values()
            ),
            "refusal" if is_refused else "max_tokens" if self.finish == "length" else None,
        )


def _usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    return Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0)


def _messages(task: Task) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if task.system:
        messages.append({"role": "system", "content": task.system})
    for message in task.messages:
        if message.results:
            messages.extend(_results(message.results))
        elif message.role == "assistant":
            text = "".join(part for part in message.parts if isinstance(part, str))
            calls = [_call(call) for call in message.calls]
            messages.append(_assistant(text, calls))
        else:
            messages.append({"role": "user", "content": _content(message)})
    return messages


def _call(call: ToolCall) -> list[str]:
    return [call.id, call.name, json.dumps(call.arguments or {}, ensure_ascii=False)]


def _assistant(text: str, calls: list[list[str]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [
            {"id": call, "type": "function", "function": {"name": name, "arguments": written}}
            for call, name, written in calls
        ]
    elif not text:
        message["content"] = ""
    return message


def _content(message: Message) -> str | list[dict[str, Any]]:
    if all(isinstance(part, str) for part in message.parts):
        return "\n\n".join(str(part) for part in message.parts)
    return [_part(part) for part in message.parts]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    url = part.url or f"data:{_mime_type(part)};base64,{part.data}"
    if part.is_image:
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": "document.pdf", "file_data": url}}


def _mime_type(media: Media) -> str:
    # Pictures of no named type are PNG more often than not, and vendors look for themselves.
    return media.mime_type.replace("image/*", "image/png")


def _results(results: Sequence[ToolResult]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {
            "role": "tool",
            "tool_call_id": result.call.id,
            # There is no flag for failures here, so the text has to say it.
            "content": f"Error: {result.text}" if result.is_error else result.text,
        }
        for result in results
    ]
    # A tool's message is text, so what tools show is shown after them.
    shown = [media for result in results for media in result.media]
    if shown:
        messages.append({"role": "user", "content": [_part(media) for media in shown]})
    return messages


def _response_format(schema: OutputSchema) -> dict[str, Any]:
    strict = output.closed(schema.schema, all_required=True)
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in schema.name)
    return {
        "type": "json_schema",
        "json_schema": {
            "name": name[:64],
            "schema": dict(schema.schema if strict is None else strict),
            "strict": strict is not None,
        },
    }
