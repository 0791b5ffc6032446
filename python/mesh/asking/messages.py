"""The messages of a request: the conversation, its system prompt, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.asking.mesh_llm_agent import Message

TOOLS = "Tools are at hand: call them where they help."
TOOLS_AT_ONCE = (
    "Tools are at hand: call them where they help, and call those that do not need each other's "
    "results at the same time."
)


def conversation(message: str | Sequence[Message]) -> list[dict[str, Any]]:
    """The messages that a call has passed; raises `TypeError`."""
    if isinstance(message, str):
        return [{"role": "user", "content": message}]
    messages: list[dict[str, Any]] = []
    for each in message:
        if not isinstance(each, Mapping) or "role" not in each:
            raise TypeError(
                "an LLM is asked with a text, or with a list of messages such as "
                f'{{"role": "user", "content": "…"}}, got {each!r}'
            )
        messages.append(dict(each))
    return messages


def with_system(
    messages: list[dict[str, Any]], prompt: str | None, default: str
) -> list[dict[str, Any]]:
    """The conversation under its system prompt: that of the function, or else the one that it
    brings along, or else the default."""
    own = next((each["content"] for each in messages if each["role"] == "system"), None)
    if prompt is None and isinstance(own, str):
        prompt = own
    others = [each for each in messages if each["role"] != "system"]
    return [{"role": "system", "content": default if prompt is None else prompt}, *others]


def with_tools(messages: list[dict[str, Any]], *, at_once: bool) -> list[dict[str, Any]]:
    """The conversation, whose system prompt says that there are tools."""
    system, *others = messages
    told = f"{system['content']}\n\n{TOOLS_AT_ONCE if at_once else TOOLS}"
    return [{**system, "content": told}, *others]


def with_parts(
    messages: list[dict[str, Any]], parts: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The conversation, whose last message of the user has these parts, too."""
    if not parts:
        return messages
    last = max((i for i, each in enumerate(messages) if each["role"] == "user"), default=None)
    if last is None:
        return [*messages, {"role": "user", "content": list(parts)}]
    content = messages[last].get("content")
    said = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    shown = {**messages[last], "content": [*said, *parts]}
    return [*messages[:last], shown, *messages[last + 1 :]]
