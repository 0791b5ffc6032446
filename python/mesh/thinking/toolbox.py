"""The tools of a request, which are run where the consumer was told that they are."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh.calling import calls, membership
from mesh.thinking.messages import RequestError
from mesh.thinking.vendor import Media, Part, ToolCall, ToolResult, ToolSpec
from mesh.thinking.wire import ENDPOINT

# By which every vendor takes a tool's name.
_OTHER_LETTERS = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tool is."""

    endpoint: str
    name: str


class Toolbox:
    """The tools that the model may ask for, by names that are valid and unique."""

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._places: dict[str, _Place] = {}
        self.specs: tuple[ToolSpec, ...] = tuple(
            self._add(tool, f"tools[{index}]") for index, tool in enumerate(tools)
        )

    def _add(self, tool: Mapping[str, Any], where: str) -> ToolSpec:
        function = tool.get("function")
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
            raise RequestError(f"{where}: function.name is missing")
        endpoint = function.get(ENDPOINT)
        if not isinstance(endpoint, str) or not endpoint.startswith(("http://", "https://")):
            raise RequestError(
                f"{where}: `{name}` has no {ENDPOINT}, and a provider runs a tool where that says"
            )
        # Two agents may offer tools of one name, and some names are more than vendors allow.
        shown = stem = _OTHER_LETTERS.sub("_", name)[:_LONGEST]
        number = 1
        while shown in self._places:
            number += 1
            shown = f"{stem[: _LONGEST - 4]}_{number}"
        self._places[shown] = _Place(endpoint, name)
        schema = function.get("parameters")
        return ToolSpec(
            shown,
            str(function.get("description") or ""),
            schema if isinstance(schema, Mapping) and schema else _NO_PARAMETERS,
        )

    async def run(self, wanted: Sequence[ToolCall], *, parallel: bool) -> list[ToolResult]:
        """Runs the calls of one turn, in order or all at once. A tool that fails is for the model
        to see."""
        if parallel:
            return list(await asyncio.gather(*(self._run(call) for call in wanted)))
        return [await self._run(call) for call in wanted]

    async def _run(self, call: ToolCall) -> ToolResult:
        place = self._places.get(call.name)
        if place is None:
            there = ", ".join(f"`{name}`" for name in self._places) or "none"
            return _failed(call, f"there is no tool `{call.name}`; there is {there}")
        if call.arguments is None:
            return _failed(call, f"the arguments of `{call.name}` were no JSON object")
        try:
            value = await _call(place, call.arguments)
        except RuntimeError as error:
            return _failed(call, str(error))
        return ToolResult(call, tuple([await _shown(part) for part in parts(value)]))


_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def _failed(call: ToolCall, reason: str) -> ToolResult:
    return ToolResult(call, (reason,), is_error=True)


async def _call(place: _Place, arguments: Mapping[str, Any]) -> Any:
    from mesh._mesh import Target

    member = membership.current()
    if member is None:
        raise RuntimeError(f"`{place.name}` cannot be called: the agent does not run")
    # Whose tool it is, nobody has said.
    target = Target.of("", place.endpoint, place.name, place.name)
    return await calls.call(member, target, arguments)


async def _shown(part: Part) -> Part:
    """What a part refers to, where that is a medium of the agents' common store."""
    if isinstance(part, str) or part.url is None or part.url.startswith(("http://", "https://")):
        return part
    from mesh.media.results import download_media

    try:
        content, mime_type = await download_media(part.url)
    except Exception as error:
        return f"[{part.url} cannot be shown: {error}]"
    if mime_type.startswith("text/"):
        return content.decode(errors="replace")
    return Media(mime_type, data=base64.b64encode(content).decode())


def parts(value: Any) -> list[Part]:
    """A tool's result as a model reads it: text as it is, anything else as JSON, pictures."""
    if value is None:
        return ["null"]
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        if value.get("type") == "multi_content" and isinstance(value.get("content"), list):
            return [part for block in value["content"] for part in parts(block)]
        if value.get("type") == "image" and isinstance(value.get("data"), str):
            return [Media(str(value.get("mimeType") or "image/png"), data=value["data"])]
        if value.get("type") == "resource_link" and _is_shown(value):
            return [Media(value["mimeType"], url=str(value["uri"]))]
        if value.get("type") == "text" and isinstance(value.get("text"), str):
            return [value["text"]]
    return [json.dumps(value, ensure_ascii=False)]


def _is_shown(link: Mapping[str, Any]) -> bool:
    """Whether models can look at what a link leads to."""
    kind = link.get("mimeType")
    return isinstance(kind, str) and (
        kind.startswith(("image/", "text/")) or kind == "application/pdf"
    )
