"""Tools that a provider leaves to its consumer.

A provider that runs no loop of its own answers with the calls that the model wants. They are made
here, and the provider is asked again with their results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mesh.calling.membership import to_json
from mesh.thinking.errors import ToolExecutionError
from mesh.thinking.wire import LlmAnswer

if TYPE_CHECKING:
    from mesh._mesh import Target


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model wants."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    target: Target

    def failed(self, error: Exception) -> ToolExecutionError:
        """What the function that asked is told when the tool fails."""
        return ToolExecutionError(self.name, self.arguments, error)


def calls_of(answer: LlmAnswer, tools: Sequence[Mapping[str, Any]]) -> list[ToolCall]:
    """The calls that an answer wants of these tools; raises `ToolExecutionError`."""
    return [_call(each, tools) for each in answer.tool_calls]


def continued(
    request: Mapping[str, Any], answer: LlmAnswer, results: Mapping[str, Any]
) -> dict[str, Any]:
    """The next request: the conversation with the answer, and the results by their call's id."""
    asked = {"role": "assistant", "content": answer.content, "tool_calls": answer.tool_calls}
    told = [
        {
            "role": "tool",
            "tool_call_id": call,
            "content": result if isinstance(result, str) else to_json(result),
        }
        for call, result in results.items()
    ]
    return {**request, "messages": [*request["messages"], asked, *told]}


def _call(wanted: Any, tools: Sequence[Mapping[str, Any]]) -> ToolCall:
    from mesh._mesh import Target

    try:
        function = wanted["function"]
        name, arguments = str(function["name"]), function.get("arguments") or {}
        identity = str(wanted["id"])
    except (KeyError, TypeError):
        error = ValueError(f"the provider wants a call that is none: {wanted!r}")
        raise ToolExecutionError("", {}, error) from None
    tool = next((each for each in tools if each["name"] == name), None)
    if tool is None:
        error = ValueError(f"the model was not offered a tool `{name}`")
        raise ToolExecutionError(name, {}, error)
    if isinstance(arguments, str):
        arguments = _object(name, arguments)
    target = Target.of(
        tool.get("agent_id") or "", tool["endpoint"], name, tool.get("capability") or ""
    )
    return ToolCall(identity, name, arguments, target)


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise ToolExecutionError(name, {}, error) from error
    if not isinstance(arguments, dict):
        raise ToolExecutionError(name, {}, ValueError(f"its arguments are no object: {text}"))
    return arguments
