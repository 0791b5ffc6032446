"""A provider in this process, the vendor that it asks, and the agents whose tools it runs."""

import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest
from fake_mesh import FakeProvider, Request, events, result
from llm_vendors.anthropic_server import AnthropicServer
from llm_vendors.gemini_server import GeminiServer
from llm_vendors.litellm_server import LiteLlmServer
from llm_vendors.openai_server import OpenAiServer
from llm_vendors.vendor_server import Turn, VendorServer

from mesh.thinking.provider import Provider
from mesh.thinking.wire import Chunk, End, read_frame, tool

# By vendor: its server, and a model of it.
VENDORS: dict[str, tuple[type[VendorServer], str]] = {
    "anthropic": (AnthropicServer, "anthropic/claude-test-9"),
    "gemini": (GeminiServer, "gemini/gemini-3-flash"),
    "openai": (OpenAiServer, "openai/gpt-4o"),
}
# Needs another release of OpenAI's SDK, so it is tested in an environment of its own.
if find_spec("litellm"):
    VENDORS["litellm"] = (LiteLlmServer, "lm_studio/some-model")
# litellm warns about models of its own.
MARKS = {
    name: [pytest.mark.filterwarnings("ignore")] if name == "litellm" else [] for name in VENDORS
}


@dataclass
class Thinking:
    """What a test asks, and what it looks at afterwards."""

    vendor: VendorServer
    model: str
    provider: Provider

    async def ask(self, said: str = "hi", **request: Any) -> dict[str, Any]:
        return await self.provider.answer(asked(said, request))

    async def listen(self, said: str = "hi", **request: Any) -> list[Chunk | End]:
        frames = [read_frame(each) async for each in self.provider.frames(asked(said, request))]
        assert None not in frames
        return frames  # type: ignore[return-value]


def asked(said: str, request: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": said}], **request}


@dataclass
class Start:
    """Starts vendors, providers and tools for one test."""

    closing: ExitStack
    environment: pytest.MonkeyPatch
    join: Callable[..., Awaitable[Any]]
    started: list[Provider] = field(default_factory=list)

    async def thinking(self, name: str, *turns: Turn, **options: Any) -> Thinking:
        """A provider of this vendor, which says these turns."""
        kind, model = VENDORS[name]
        model = options.pop("model", model)
        vendor = kind(*turns)
        self.closing.callback(vendor.close)
        for variable, value in vendor.settings().items():
            self.environment.setenv(variable, value)
        await self.join(timeout=options.pop("patience", 20))
        provider = Provider(model, options)
        self.started.append(provider)
        return Thinking(vendor, model, provider)

    def tool(
        self, answer: Callable[[Request], None], name: str = "add"
    ) -> tuple[dict[str, Any], FakeProvider]:
        """A tool of another agent, as requests name it."""
        server = FakeProvider(answer)
        self.closing.callback(server.server.close)
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        return tool(name, "Adds.", schema, server.url), server


def says(request: Request, text: str, **fields: Any) -> None:
    """A tool's result of one text."""
    content = [{"type": "text", "text": text}]
    request.answer(200, events(result(request, content=content, **fields)), "text/event-stream")


def arguments(request: Request) -> Any:
    """What a tool was called with."""
    return json.loads(request.body)["params"]["arguments"]
