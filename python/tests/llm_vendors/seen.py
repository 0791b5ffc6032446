"""What a request to a vendor says, in one form for all of them."""

import json
from typing import Any


def system(request: dict[str, Any]) -> str:
    """The system prompt."""
    if "systemInstruction" in request:
        return "".join(part["text"] for part in request["systemInstruction"]["parts"])
    if "system" in request:
        prompt = request["system"]
        return prompt if isinstance(prompt, str) else "".join(block["text"] for block in prompt)
    messages = request.get("messages", [])
    return "".join(each["content"] for each in messages if each["role"] == "system")


def results(request: dict[str, Any]) -> list[tuple[str, bool]]:
    """What tools are said to have answered, and whether that is marked as an error."""
    found: list[tuple[str, bool]] = []
    for message in request.get("messages", []):
        if message["role"] == "tool":
            text = message["content"]
            found.append((text.removeprefix("Error: "), text.startswith("Error: ")))
        elif isinstance(message.get("content"), list):
            found.extend(
                (block["content"], block.get("is_error", False))
                for block in message["content"]
                if block["type"] == "tool_result"
            )
    for content in request.get("contents", []):
        for part in content["parts"]:
            if "functionResponse" in part:
                ((outcome, text),) = part["functionResponse"]["response"].items()
                found.append((text, outcome == "error"))
    return found


def calls(request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The calls that the conversation holds, as (name, arguments)."""
    found: list[tuple[str, dict[str, Any]]] = []
    for message in request.get("messages", []):
        for call in message.get("tool_calls") or ():
            function = call["function"]
            found.append((function["name"], json.loads(function["arguments"])))
        if isinstance(message.get("content"), list):
            found.extend(
                (block["name"], block["input"])
                for block in message["content"]
                if block["type"] == "tool_use"
            )
    for content in request.get("contents", []):
        found.extend(
            (part["functionCall"]["name"], part["functionCall"]["args"])
            for part in content["parts"]
            if "functionCall" in part
        )
    return found


def tools(request: dict[str, Any]) -> list[str]:
    """The names of the tools that are offered."""
    return [
        each["name"]
        for tool in request.get("tools") or ()
        for each in tool.get("functionDeclarations", [tool.get("function", tool)])
    ]


def must_use_tools(request: dict[str, Any]) -> bool:
    """Whether the model may not answer without a tool."""
    choice = json.dumps(request.get("tool_choice") or request.get("toolConfig"))
    return any(word in choice for word in ('"required"', '"any"', '"ANY"'))


def schema(request: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that the model is held to."""
    if "output_config" in request:
        return dict(request["output_config"]["format"]["schema"])
    if "response_format" in request:
        return dict(request["response_format"]["json_schema"]["schema"])
    held = request.get("generationConfig", {}).get("responseJsonSchema")
    return None if held is None else dict(held)
