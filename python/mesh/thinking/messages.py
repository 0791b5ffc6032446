"""Reads the messages of a request, which are in OpenAI's form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from mesh.thinking.vendor import Media, Message, Part, ToolCall, ToolResult


class RequestError(ValueError):
    """The request cannot be understood; the message is for the consumer."""


def read(messages: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[Message, ...]]:
    """The system prompt and the conversation; raises `RequestError`."""
    system: list[str] = []
    conversation: list[Message] = []
    calls: dict[str, ToolCall] = {}
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        role = message.get("role")
        if role in ("system", "developer"):
            system.append(_text(message.get("content"), where))
        elif role == "user":
            conversation.append(Message("user", _parts(message.get("content"), where)))
        elif role == "assistant":
            asked = tuple(_calls(message.get("tool_calls"), where))
            calls.update((call.id, call) for call in asked)
            conversation.append(
                Message("assistant", _parts(message.get("content"), where), calls=asked)
            )
        elif role == "tool":
            call = calls.get(str(message.get("tool_call_id")))
            if call is None:
                raise RequestError(f"{where}: no call before it has its tool_call_id")
            result = ToolResult(call, _parts(message.get("content"), where))
            _append_result(conversation, result)
        else:
            raise RequestError(f"{where}: role must be system, user, assistant or tool: {role!r}")
    if not conversation:
        raise RequestError("messages: a request needs a message of the user")
    return "\n\n".join(text for text in system if text), tuple(conversation)


def _append_result(conversation: list[Message], result: ToolResult) -> None:
    # Vendors want the results of one turn in one message.
    last = conversation[-1]
    if last.results:
        conversation[-1] = Message("user", results=(*last.results, result))
    else:
        conversation.append(Message("user", results=(result,)))


def _calls(value: Any, where: str) -> Iterable[ToolCall]:
    for call in value or ():
        try:
            function = call["function"]
            yield ToolCall(str(call["id"]), str(function["name"]), arguments(function["arguments"]))
        except (KeyError, TypeError):
            raise RequestError(f"{where}: tool_calls are not in OpenAI's form: {call!r}") from None


def arguments(value: Any) -> Mapping[str, Any] | None:
    """The arguments of a call, which may be JSON text; None when they are no object."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


def _text(content: Any, where: str) -> str:
    parts = _parts(content, where)
    if not all(isinstance(part, str) for part in parts):
        raise RequestError(f"{where}: a system message is text only")
    return "\n\n".join(str(part) for part in parts)


def _parts(content: Any, where: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (content,) if content else ()
    if not isinstance(content, list):
        raise RequestError(f"{where}: content must be a string or a list of parts")
    return tuple(_part(part, f"{where}.content[{index}]") for index, part in enumerate(content))


def _part(part: Any, where: str) -> Part:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else None
    try:
        if kind == "text":
            return str(part["text"])
        if kind == "image_url":
            image = part["image_url"]
            return _linked(image if isinstance(image, str) else image["url"], "image/*")
        if kind in ("image", "document"):
            return _sourced(part["source"], "image/*" if kind == "image" else "application/pdf")
        if kind == "file":
            return _linked(part["file"]["file_data"], "application/pdf")
    except (KeyError, TypeError, ValueError):
        raise RequestError(f"{where}: this is no complete part of type `{kind}`") from None
    raise RequestError(
        f"{where}: type must be text, image_url, image, document or file, got {kind!r}"
    )


def _linked(url: str, usual: str) -> Media:
    if not url.startswith("data:"):
        return Media(usual, url=url)
    head, _, data = url.removeprefix("data:").partition(",")
    mime_type, *options = head.split(";")
    if "base64" not in options:
        raise ValueError("a data URL holds base64")
    return Media(mime_type or usual, data=data)


def _sourced(source: Mapping[str, Any], usual: str) -> Media:
    """Anthropic's form, in which 3.8 sends documents."""
    if source["type"] == "url":
        return Media(str(source.get("media_type") or usual), url=str(source["url"]))
    return Media(str(source.get("media_type") or usual), data=str(source["data"]))
