"""Models that are reached by a cloud: Claude at Bedrock and Vertex, Gemini at Vertex, each by its
own SDK against a server that speaks the cloud's paths and streams."""

import base64
import json
import struct
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import pytest
from fake_mesh import Request
from llm_vendors.anthropic_server import AnthropicServer
from llm_vendors.gemini_server import GeminiServer
from llm_vendors.vendor_server import Fails, Says, VendorServer
from thinking import Start, asked, says

from mesh.thinking.provider import Provider
from mesh.thinking.wire import Chunk, End, read_frame


class VertexClaude(AnthropicServer):
    """`POST …/publishers/anthropic/models/MODEL:rawPredict`; the model is in the path."""

    def answer(self, turn: Says, request: Request) -> dict[str, Any]:
        body = json.loads(request.body)
        assert "model" not in body and body["anthropic_version"]
        request.body = json.dumps({**body, "model": "claude"}).encode()
        return super().answer(turn, request)


class Bedrock(AnthropicServer):
    """`POST /model/MODEL/invoke`, and `…-with-response-stream` in the frames of AWS."""

    def is_stream(self, request: Request) -> bool:
        return request.path.endswith("/invoke-with-response-stream")

    def answer(self, turn: Says, request: Request) -> dict[str, Any]:
        body = json.loads(request.body)
        assert "model" not in body and body["anthropic_version"]
        request.body = json.dumps({**body, "model": "claude"}).encode()
        return super().answer(turn, request)

    def _stream(self, turn: Any, request: Request) -> None:
        content = b"".join(_frames(self.events(turn, request)))
        handler = request.handler
        handler.send_response(200)
        handler.send_header("content-type", "application/vnd.amazon.eventstream")
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def _frames(events: Iterable[str]) -> Iterable[bytes]:
    """Server-sent events as messages of `application/vnd.amazon.eventstream`."""
    for event in events:
        data = event.partition("data: ")[2].strip()
        payload = json.dumps({"bytes": base64.b64encode(data.encode()).decode()}).encode()
        headers = b"".join(
            struct.pack("!B", len(name)) + name + struct.pack("!BH", 7, len(value)) + value
            for name, value in [
                (b":event-type", b"chunk"),
                (b":content-type", b"application/json"),
                (b":message-type", b"event"),
            ]
        )
        prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
        prelude += struct.pack("!I", zlib.crc32(prelude))
        message = prelude + headers + payload
        yield message + struct.pack("!I", zlib.crc32(message))


# By model: its server, how it is reached beside the base URL, and parts of its path.
CLOUDS: dict[str, tuple[type[VendorServer], dict[str, Any], str]] = {
    "bedrock/anthropic.claude-test-9": (
        Bedrock,
        {"aws_access_key": "AKIA", "aws_secret_key": "aws-secret-key", "aws_region": "eu-west-1"},
        "/model/anthropic.claude-test-9/invoke",
    ),
    "vertex_ai/claude-test-9": (
        VertexClaude,
        {"access_token": "vertex-token", "project_id": "shop", "region": "europe-west1"},
        "/projects/shop/locations/europe-west1/publishers/anthropic/models/claude-test-9",
    ),
    "vertex_ai/gemini-3-flash": (
        GeminiServer,
        {"api_key": "vertex-secret"},
        "/publishers/google/models/gemini-3-flash",
    ),
}
pytestmark = [
    pytest.mark.parametrize("model", CLOUDS),
    # Where litellm is, Bedrock is its, as it was in 3.8.
    pytest.mark.skipif(find_spec("litellm") is not None, reason="litellm reaches Bedrock"),
]


@pytest.fixture
async def start(
    closing: ExitStack, monkeypatch: pytest.MonkeyPatch, join: Any
) -> AsyncIterator[Start]:
    start = Start(closing, monkeypatch, join)
    yield start
    for provider in start.started:
        await provider.close()


async def at(start: Start, model: str, *turns: Any) -> tuple[Provider, VendorServer]:
    """A provider of the model, and the cloud that it asks."""
    kind, access, _ = CLOUDS[model]
    cloud = kind(*turns)
    start.closing.callback(cloud.close)
    await start.join(timeout=20)
    provider = Provider(model, {"base_url": cloud.url, "max_retries": 0, "timeout": 10, **access})
    start.started.append(provider)
    return provider, cloud


async def test_a_whole_answer(start: Start, model: str) -> None:
    provider, cloud = await at(start, model, Says("hello", tokens=(7, 3)))
    answer = await provider.answer(asked("hi", {"model_params": {"max_tokens": 77}}))
    assert answer["content"] == "hello"
    assert answer["_mesh_usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "model": model}
    (path,) = cloud.paths
    assert CLOUDS[model][2] in path
    assert "77" in json.dumps(cloud.requests[0])


async def test_a_stream(start: Start, model: str) -> None:
    provider, _ = await at(start, model, Says("hello there", tokens=(7, 3)))
    frames = [read_frame(each) async for each in provider.frames(asked("hi", {}))]
    assert "".join(each.content for each in frames if isinstance(each, Chunk)) == "hello there"
    assert sum(isinstance(each, Chunk) for each in frames) > 1
    end = frames[-1]
    assert isinstance(end, End) and end.usage is not None
    assert (end.stop_reason, end.usage.completion_tokens) == (None, 3)


async def test_tools_are_run(start: Start, model: str) -> None:
    add, server = start.tool(lambda request: says(request, "3"))
    provider, cloud = await at(start, model, Says(calls=[("add", {"a": 1})]), Says("it is 3"))
    answer = await provider.answer(asked("1 + 2?", {"tools": [add]}))
    assert answer["content"] == "it is 3"
    assert len(server.requests) == 1
    assert '"3"' in json.dumps(cloud.requests[1])


async def test_a_refusal_names_the_model_and_no_secret(start: Start, model: str) -> None:
    provider, _ = await at(start, model, Fails(403))
    with pytest.raises(Exception, match=r"the vendor answers 403: no luck today") as caught:
        await provider.answer(asked("hi", {}))
    assert str(caught.value).startswith(f"{model}: ")
    assert "secret" not in str(caught.value)
