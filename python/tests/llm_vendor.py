"""An LLM provider that says what a test tells it."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from fake_mesh import FakeProvider, FakeRegistry, Request, events, result

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "model": "anthropic/claude-x"}
ECHO = {"type": "object", "properties": {"text": {"type": "string"}}}


@dataclass
class Frames:
    """An answer in pieces; `failure` is what the tool says instead of ending well."""

    pieces: list[str]
    failure: str | None = None

    def on_wire(self, request: Request) -> str:
        token = request.json()["params"]["_meta"]["progressToken"]
        progress = [
            json.dumps(
                {
                    "jsonrpc": "2.0",
                    "method": "notifications/progress",
                    "params": {"progressToken": token, "progress": count, "message": piece},
                }
            )
            for count, piece in enumerate(self.pieces, start=1)
        ]
        content = [{"type": "text", "text": self.failure or "".join(self.pieces)}]
        end = result(request, content=content, isError=self.failure is not None)
        return events(*progress, end)


class Vendor:
    """A provider that says what a test tells it, and the wiring that leads to it."""

    def __init__(self, registry: FakeRegistry, closing: ExitStack) -> None:
        self.said: Any = {"role": "assistant", "content": "hello", "_mesh_usage": USAGE}
        self.registry = registry
        # By name, what its tools answer.
        self.tools: dict[str, Any] = {}
        self.called: list[tuple[str, Any]] = []
        self.server = FakeProvider(self._answer)
        closing.callback(self.server.server.close)

    def offer(self, *functions: str, tools: tuple[str, ...] = ()) -> None:
        """Wires these functions, and gives them these tools."""
        self.registry.llm_providers = {function: self.provider() for function in functions}
        self.registry.llm_tools = {
            function: [self.tool(tool) for tool in tools] for function in functions
        }

    def provider(self) -> dict[str, Any]:
        return {
            "agent_id": "p-1",
            "endpoint": self.server.url,
            "name": "process_chat",
            "capability": "llm",
            "status": "available",
            "vendor": "anthropic",
            "version": "1.0.0",
            "kwargs": {"vendor": "anthropic"},
        }

    def tool(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "capability": name,
            "description": f"{name} tool",
            "endpoint": self.server.url,
            "agent_id": "x-1",
            "inputSchema": ECHO,
        }

    def asked(self) -> dict[str, Any]:
        """The last request, in full."""
        calls = [request.json()["params"] for request in self.server.requests]
        params = [each for each in calls if each["name"] == "process_chat"][-1]
        assert list(params["arguments"]) == ["request"]
        request: dict[str, Any] = params["arguments"]["request"]
        return request

    def system(self) -> str:
        """The last request's system prompt."""
        first = self.asked()["messages"][0]
        assert first["role"] == "system"
        return str(first["content"])

    def _answer(self, request: Request) -> None:
        params = request.json()["params"]
        if params["name"] == "process_chat":
            said = self.said.pop(0) if isinstance(self.said, list) else self.said
        else:
            self.called.append((params["name"], params["arguments"]))
            said = self.tools[params["name"]]
        if isinstance(said, Exception):
            content = [{"type": "text", "text": str(said)}]
            request.answer(200, result(request, content=content, isError=True))
            return
        if isinstance(said, Frames):
            request.answer(200, said.on_wire(request), "text/event-stream")
            return
        text = said if isinstance(said, str) else json.dumps(said)
        structured = {"result": said} if isinstance(said, str) else said
        content = [{"type": "text", "text": text}]
        request.answer(200, result(request, content=content, structuredContent=structured))
