"""What a provider reads in a request: messages, tools, parameters, schemas; and what it refuses."""

import base64
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fake_mesh import Request, events, result
from llm_vendors.vendor_server import Says
from thinking import Start

from mesh.thinking import messages, output, params
from mesh.thinking.messages import RequestError
from mesh.thinking.toolbox import Toolbox, parts
from mesh.thinking.vendor import Access, Media, Message, OutputSchema, ToolCall, ToolResult
from mesh.thinking.vendors.choice import choose
from mesh.thinking.wire import tool

DOT = base64.b64encode(b"a picture").decode()


def test_messages_of_the_system_are_one_prompt() -> None:
    system, conversation = messages.read(
        [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "hi"},
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        ]
    )
    assert system == "Be kind.\n\nBe brief."
    assert conversation == (Message("user", ("hi",)),)


def test_results_of_one_turn_are_one_message() -> None:
    written = [
        {"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "add", "arguments": "nonsense"}},
    ]
    _, conversation = messages.read(
        [
            {"role": "assistant", "content": None, "tool_calls": written},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
        ]
    )
    first, second = ToolCall("a", "add", {"a": 1}), ToolCall("b", "add", None)
    assert conversation == (
        Message("assistant", (), calls=(first, second)),
        Message("user", results=(ToolResult(first, ("1",)), ToolResult(second, ("2",)))),
    )


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ({"type": "text", "text": "hi"}, "hi"),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}},
            Media("image/png", data=DOT),
        ),
        (
            {"type": "image_url", "image_url": "https://pictures.example/1"},
            Media("image/*", url="https://pictures.example/1"),
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": DOT},
            },
            Media("application/pdf", data=DOT),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://papers.example/1"}},
            Media("application/pdf", url="https://papers.example/1"),
        ),
        (
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{DOT}"}},
            Media("application/pdf", data=DOT),
        ),
    ],
)
def test_parts_are_text_or_media(part: dict[str, Any], read: object) -> None:
    _, (message,) = messages.read([{"role": "user", "content": [part]}])
    assert message.parts == (read,)


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        ([], "messages: a request needs a message of the user"),
        ([{"role": "system", "content": "Be."}], "needs a message of the user"),
        ([{"content": "hi"}], "messages[0]: role must be system, user, assistant or tool: None"),
        ([{"role": "user", "content": 7}], "messages[0]: content must be a string or a list"),
        (
            [{"role": "user", "content": [{"type": "input_audio"}]}],
            "messages[0].content[0]: type must be text, image_url, image, document or file, "
            "got 'input_audio'",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "messages[0].content[0]: this is no complete part of type `image_url`",
        ),
        (
            [{"role": "tool", "tool_call_id": "x", "content": "5"}],
            "messages[0]: no call before it has its tool_call_id",
        ),
        (
            [{"role": "assistant", "tool_calls": [{"name": "add"}]}],
            "messages[0]: tool_calls are not in OpenAI's form: {'name': 'add'}",
        ),
        (
            [{"role": "system", "content": [{"type": "image_url", "image_url": "https://x"}]}],
            "messages[0]: a system message is text only",
        ),
    ],
)
def test_messages_that_make_no_sense_are_named(conversation: Any, reason: str) -> None:
    with pytest.raises(RequestError) as refused:
        messages.read(conversation)
    assert reason in str(refused.value)


def test_names_of_tools_are_valid_and_unique() -> None:
    long = "n" * 70
    schema = {"type": "object"}
    tools = [
        tool("add", None, schema, "http://a:1"),
        tool("add", None, None, "http://b:1"),
        tool("files/read it", None, schema, "http://b:1"),
        tool(long, None, schema, "http://b:1"),
        tool(long, None, schema, "http://c:1"),
    ]
    names = [spec.name for spec in Toolbox(tools).specs]
    assert names == ["add", "add_2", "files_read_it", "n" * 64, "n" * 60 + "_2"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({}, "tools[0]: function.name is missing"),
        ({"function": {"name": ""}}, "tools[0]: function.name is missing"),
        ({"function": {"name": "add"}}, "tools[0]: `add` has no _mesh_endpoint"),
        (
            {"function": {"name": "add", "_mesh_endpoint": "file:///etc"}},
            "tools[0]: `add` has no _mesh_endpoint",
        ),
    ],
)
def test_tools_that_nobody_could_run_are_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError) as refused:
        Toolbox([wrong])
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("5", ["5"]),
        (5, ["5"]),
        (None, ["null"]),
        ({"sum": 5, "é": [1]}, ['{"sum": 5, "é": [1]}']),
        ({"type": "text", "text": "hi"}, ["hi"]),
        (
            {"type": "image", "data": DOT, "mimeType": "image/png"},
            [Media("image/png", data=DOT)],
        ),
        (
            {
                "type": "multi_content",
                "content": [{"type": "text", "text": "hi"}, {"type": "image", "data": DOT}],
            },
            ["hi", Media("image/png", data=DOT)],
        ),
        (
            {"type": "resource_link", "uri": "file:///m/1", "mimeType": "image/png"},
            [Media("image/png", url="file:///m/1")],
        ),
        (
            {"type": "resource_link", "uri": "file:///m/1", "mimeType": "audio/wav"},
            ['{"type": "resource_link", "uri": "file:///m/1", "mimeType": "audio/wav"}'],
        ),
    ],
)
def test_results_are_what_a_model_can_read(value: object, shown: list[Any]) -> None:
    assert parts(value) == shown


def test_a_closed_schema_has_the_named_properties_and_no_others() -> None:
    schema = {
        "$defs": {
            "Leaf": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}}
        },
        "type": "object",
        "properties": {
            "leaves": {"type": "array", "items": {"$ref": "#/$defs/Leaf"}},
            "best": {"$ref": "#/$defs/Leaf", "description": "The best."},
            "default": {"type": "string", "default": "x", "enum": ["default", "x"]},
        },
        "required": ["leaves"],
    }
    assert output.closed(schema, all_required=True) == {
        "$defs": {
            "Leaf": {
                "type": "object",
                "properties": {"n": {"type": "integer"}},
                "additionalProperties": False,
                "required": ["n"],
            }
        },
        "type": "object",
        "properties": {
            "leaves": {"type": "array", "items": {"$ref": "#/$defs/Leaf"}},
            "best": {"$ref": "#/$defs/Leaf"},
            "default": {"type": "string", "enum": ["default", "x"]},
        },
        "required": ["leaves", "best", "default"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "open_schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}},
    ],
)
def test_an_object_with_keys_of_any_name_cannot_be_closed(open_schema: dict[str, Any]) -> None:
    assert output.closed(open_schema, all_required=True) is None


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, (None, None)),
        ({"output_mode": "hint"}, ("hint", None)),
        ({"output_schema": {}, "output_mode": "text"}, ("text", None)),
        ({"output_schema": {"title": "T"}}, (None, OutputSchema("T", {"title": "T"}))),
        (
            {"output_schema": {}, "output_type_name": "Ans", "output_mode": "strict"},
            ("strict", OutputSchema("Ans", {})),
        ),
    ],
)
def test_what_form_is_wanted(asked: dict[str, Any], wanted: object) -> None:
    assert output.wanted(asked) == wanted


@pytest.mark.parametrize(
    "wrong",
    [{"output_mode": "loud"}, {"output_schema": "x"}],
)
def test_a_form_that_there_is_not_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="output_"):
        output.wanted(wrong)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "3", True])
def test_iterations_are_a_number(wrong: object) -> None:
    with pytest.raises(RequestError, match="max_iterations must be a whole number"):
        params.iterations({"max_iterations": wrong})


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        ("anthropic/claude-9", "anthropic"),
        ("openai/gpt-9", "openai"),
        ("gemini/gemini-9", "gemini"),
        ("vertex_ai/gemini-9", "vertex"),
        ("vertex_ai/claude-9", "anthropic,vertex"),
        ("vertex_ai/llama", "litellm"),
        ("mistral/large", "litellm"),
        ("gpt-4o", "litellm"),
    ],
)
def test_the_model_s_name_says_what_it_needs(model: str, extra: str) -> None:
    assert choose(model).extra == extra
    assert choose(model, is_native=False).extra == "litellm"


@pytest.fixture
async def start(closing: ExitStack, monkeypatch: pytest.MonkeyPatch, join: Any) -> Any:
    start = Start(closing, monkeypatch, join)
    yield start
    for provider in start.started:
        await provider.close()


PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}}
PAPER = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": DOT},
}
SHOWN = {
    "anthropic": lambda request: request["messages"][0]["content"],
    "openai": lambda request: request["messages"][0]["content"],
    "gemini": lambda request: request["contents"][0]["parts"],
}
AS_VENDORS_WANT_IT = {
    "anthropic": [
        {"type": "text", "text": "Look."},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}},
        PAPER,
    ],
    "openai": [
        {"type": "text", "text": "Look."},
        PICTURE,
        {
            "type": "file",
            "file": {
                "filename": "document.pdf",
                "file_data": f"data:application/pdf;base64,{DOT}",
            },
        },
    ],
    "gemini": [
        {"text": "Look."},
        {"inlineData": {"data": DOT, "mimeType": "image/png"}},
        {"inlineData": {"data": DOT, "mimeType": "application/pdf"}},
    ],
}


@pytest.mark.parametrize("vendor", AS_VENDORS_WANT_IT)
async def test_what_a_consumer_shows_is_shown(start: Start, vendor: str) -> None:
    thinking = await start.thinking(vendor, Says("nice"))
    content = [{"type": "text", "text": "Look."}, PICTURE, PAPER]
    await thinking.ask(messages=[{"role": "user", "content": content}])
    (request,) = thinking.vendor.requests
    # Google takes either spelling, and its SDK's releases send one or the other.
    shown = json.loads(json.dumps(SHOWN[vendor](request)).replace("mime_type", "mimeType"))
    assert shown == AS_VENDORS_WANT_IT[vendor]


@pytest.mark.parametrize("vendor", AS_VENDORS_WANT_IT)
async def test_what_a_tool_shows_is_shown(
    start: Start, vendor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_MESH_MEDIA_STORAGE_PATH", str(tmp_path))
    from mesh import upload_media

    uri = await upload_media(b"a picture", "dot.png", "image/png")

    def draws(request: Request) -> None:
        link = {"type": "resource_link", "uri": uri, "name": "dot", "mimeType": "image/png"}
        content = [{"type": "text", "text": "here"}, link]
        request.answer(200, events(result(request, content=content)), "text/event-stream")

    thinking = await start.thinking(vendor, Says("", [("draw", {})]), Says("nice"))
    draw, _ = start.tool(draws, "draw")
    await thinking.ask(tools=[draw])
    last = str(thinking.vendor.requests[1])
    assert DOT in last
    assert "here" in last
    assert "image/png" in last


@pytest.mark.parametrize(
    ("model", "has_tools", "holds"),
    [
        ("anthropic/claude-3-5-haiku-20241022", False, False),
        ("anthropic/claude-sonnet-4-20250514", False, False),
        ("anthropic/claude-opus-4-0", False, False),
        ("anthropic/claude-opus-4-1-20250805", True, True),
        ("anthropic/claude-sonnet-4-5-20250929", True, True),
        ("anthropic/claude-sonnet-5-5", True, True),
        ("openai/gpt-3.5-turbo", False, False),
        ("openai/gpt-4-turbo", False, False),
        ("openai/gpt-4o", True, True),
        ("openai/gpt-5", True, True),
        ("gemini/gemini-2.5-flash", False, True),
        ("gemini/gemini-2.5-flash", True, False),
        ("gemini/gemini-3-pro", True, True),
    ],
)
def test_which_models_can_be_held_to_a_schema(model: str, has_tools: bool, holds: bool) -> None:
    vendor = choose(model).load(Access(api_key="k"))
    assert vendor.holds(model.partition("/")[2], has_tools=has_tools) is holds
