"""What consumers and providers of LLMs say to each other, as release 3.8 does."""

import json
from dataclasses import asdict

import pytest

import mesh
from mesh.thinking.wire import Chunk, End, LlmAnswer, Usage, read_frame, tool


def test_a_request_holds_every_field_of_the_wire() -> None:
    request = mesh.MeshLlmRequest(messages=[{"role": "user", "content": "hi"}])
    assert request.to_wire() == {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": None,
        "model_params": None,
        "context": None,
        "request_id": None,
        "caller_agent": None,
    }


def test_a_tool_tells_where_it_is() -> None:
    assert tool("echo", "echo tool", {"type": "object"}, "http://a:1") == {
        "type": "function",
        "function": {
            "name": "echo",
            "description": "echo tool",
            "parameters": {"type": "object"},
            "_mesh_endpoint": "http://a:1",
        },
    }
    bare = tool("now", None, None, "http://a:1")["function"]
    assert (bare["description"], bare["parameters"]) == ("", {"type": "object", "properties": {}})


def test_an_answer_is_the_object_of_3_8() -> None:
    answer = LlmAnswer("hello", Usage(10, 5, "anthropic/x"))
    wire = {
        "role": "assistant",
        "content": "hello",
        "_mesh_usage": {"prompt_tokens": 10, "completion_tokens": 5, "model": "anthropic/x"},
    }
    assert answer.to_wire() == wire
    assert LlmAnswer.from_wire(wire) == answer


def test_an_answer_that_is_none_says_why() -> None:
    wire = LlmAnswer("", None, "max_iterations").to_wire()
    assert wire == {"role": "assistant", "content": "", "_mesh_stop_reason": "max_iterations"}
    assert LlmAnswer.from_wire(wire).stop_reason == "max_iterations"


def test_answers_of_hand_written_providers_are_read() -> None:
    assert LlmAnswer.from_wire("hello") == LlmAnswer("hello")
    assert LlmAnswer.from_wire({"content": None, "tool_calls": None}) == LlmAnswer("")
    odd = {"content": "x", "_mesh_usage": {"prompt_tokens": "many", "completion_tokens": 2.5}}
    assert LlmAnswer.from_wire(odd).usage == Usage(0, 0, "")


@pytest.mark.parametrize("value", [None, 7, ["hello"], {"content": {"text": "hello"}}])
def test_what_is_no_answer_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="an LLM's"):
        LlmAnswer.from_wire(value)


def test_usage_is_summed_over_turns() -> None:
    assert Usage(1, 2, "m") + Usage(10, 20, "") == Usage(11, 22, "m")


def test_frames_travel_as_text() -> None:
    assert json.loads(Chunk("hé").to_wire()) == {"_mesh_frame": "chunk", "content": "hé"}
    assert json.loads(End().to_wire()) == {"_mesh_frame": "end"}
    end = End("max_iterations", Usage(1, 2, "m"))
    assert json.loads(end.to_wire()) == {
        "_mesh_frame": "end",
        "stop_reason": "max_iterations",
        "_mesh_usage": asdict(Usage(1, 2, "m")),
    }
    for frame in (Chunk("hé"), End(), end):
        assert read_frame(frame.to_wire()) == frame


@pytest.mark.parametrize(
    "text", ["hello", "", "7", "[1]", '{"content": "x"}', '{"_mesh_frame": 1}']
)
def test_other_text_is_no_frame(text: str) -> None:
    assert read_frame(text) is None


def test_errors_name_the_cure() -> None:
    error = mesh.MaxIterationsError(3, 3, "ask_1")
    assert (error.iteration_count, error.max_allowed, error.function_id) == (3, 3, "ask_1")
    assert "of `ask_1` after 3 of 3 iterations; raise max_iterations" in str(error)
    cause = ValueError("no such city")
    failed = mesh.ToolExecutionError("weather", {"city": "X"}, cause)
    assert (failed.tool_name, failed.arguments) == ("weather", {"city": "X"})
    assert failed.original_error is cause
    assert str(failed) == "tool `weather` failed: no such city"
