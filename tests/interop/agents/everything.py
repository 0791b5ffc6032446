"""The tools, resources and prompts that the protocol's conformance suite asks for.

With `plain` as its argument the program is an ordinary FastMCP server, served as an agent is:
without sessions and without a guard of host names. What that one fails too is FastMCP's.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import mcp.types as wire
from fastmcp import Context, FastMCP
from fastmcp.prompts import Message, PromptResult
from fastmcp.tools import FunctionTool

import mesh

IS_PLAIN = sys.argv[1:] == ["plain"]
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAA"
    "AABJRU5ErkJggg=="
)
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

app = FastMCP("everything", dereference_schemas=False)


def capability(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every tool of this program is beside being FastMCP's."""
    return function if IS_PLAIN else mesh.tool(function.__name__)(function)


def text(words: str) -> wire.TextContent:
    return wire.TextContent(type="text", text=words)


def image() -> wire.ImageContent:
    return wire.ImageContent(type="image", data=PNG, mimeType="image/png")


def resource(uri: str, kind: str, words: str) -> wire.EmbeddedResource:
    contents = wire.TextResourceContents(uri=uri, mimeType=kind, text=words)
    return wire.EmbeddedResource(type="resource", resource=contents)


@app.tool()
@capability
def test_simple_text() -> str:
    """Answers with a text."""
    return "This is a simple text response for testing."


@app.tool()
@capability
def test_image_content() -> wire.ImageContent:
    """Answers with a picture."""
    return image()


@app.tool()
@capability
def test_audio_content() -> wire.AudioContent:
    """Answers with a sound."""
    return wire.AudioContent(type="audio", data=WAV, mimeType="audio/wav")


@app.tool()
@capability
def test_embedded_resource() -> wire.EmbeddedResource:
    """Answers with a resource."""
    words = "This is an embedded resource content."
    return resource("test://embedded-resource", "text/plain", words)


@app.tool()
@capability
async def test_multiple_content_types() -> list[wire.ContentBlock]:
    """Answers with a text, a picture and a resource."""
    data = json.dumps({"test": "data", "value": 123})
    mixed = resource("test://mixed-content-resource", "application/json", data)
    return [text("Multiple content types test:"), image(), mixed]


@app.tool()
@capability
async def test_tool_with_logging(ctx: Context) -> str:
    """Logs three lines to its caller."""
    await ctx.info("Tool execution started")
    await asyncio.sleep(0.05)
    await ctx.info("Tool processing data")
    await asyncio.sleep(0.05)
    await ctx.info("Tool execution completed")
    return "logged"


@app.tool()
@capability
async def test_tool_with_progress(ctx: Context) -> str:
    """Reports its progress three times."""
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, 100)
        await asyncio.sleep(0.05)
    return "done"


@app.tool()
@capability
def test_error_handling() -> str:
    """Always fails."""
    raise RuntimeError("This tool intentionally returns an error for testing")


async def answered(asking: Awaitable[Any]) -> Any:
    """What the caller says; without sessions, some FastMCP wait for ever."""
    async with asyncio.timeout(0.5):
        return await asking


@app.tool()
@capability
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Asks the caller's LLM."""
    return f"LLM response: {await answered(ctx.sample(prompt, max_tokens=100))}"


@dataclass
class User:
    """What `test_elicitation` asks for."""

    username: str
    email: str


@dataclass
class Defaults:
    """A default for every primitive type."""

    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


@app.tool()
@capability
async def test_elicitation(message: str, ctx: Context) -> str:
    """Asks the caller's user."""
    return f"User response: {await answered(ctx.elicit(message, User))}"


@app.tool()
@capability
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Asks the caller's user, and suggests the answers."""
    return f"Elicitation completed: {await answered(ctx.elicit('Who?', Defaults))}"


@app.tool()
@capability
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Asks the caller's user to choose."""
    chosen = await answered(ctx.elicit("Which?", ["option1", "option2", "option3"]))
    return f"Elicitation completed: {chosen}"


@capability
def json_schema_2020_12_tool(name: str = "", address: dict[str, str] | None = None) -> str:
    """Tool with JSON Schema 2020-12 features."""
    return f"{name} lives at {address}"


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}
as_it_is = FunctionTool.from_function(json_schema_2020_12_tool)
app.add_tool(as_it_is.model_copy(update={"parameters": SCHEMA}))


@app.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A resource of text."""
    return "This is the content of the static text resource."


@app.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """A resource of bytes."""
    return bytes.fromhex("89504e470d0a1a0a")


@app.resource("test://watched-resource", mime_type="text/plain")
def watched_resource() -> str:
    """A resource to subscribe to."""
    return "watched"


@app.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:  # noqa: A002
    """A resource that is made of its address."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@app.prompt()
def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


@app.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@app.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> PromptResult:  # noqa: N803
    """A prompt with a resource in it."""
    embedded = resource(resourceUri, "text/plain", "Embedded resource content for testing.")
    return PromptResult([Message(embedded), Message("Please process the embedded resource above.")])


@app.prompt()
def test_prompt_with_image() -> PromptResult:
    """A prompt with a picture in it."""
    return PromptResult([Message(image()), Message("Please analyze the image above.")])


if IS_PLAIN:
    app.run(
        transport="http",
        host="127.0.0.1",
        port=int(os.environ["PLAIN_PORT"]),
        stateless_http=True,
        host_origin_protection=False,
        show_banner=False,
    )
else:
    mesh.agent(name="everything", http_port=0)(type("Everything", (), {}))
