"""Answers that come in frames."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mesh.thinking.wire import Chunk, End, LlmAnswer, read_frame


def whole(answer: object) -> LlmAnswer:
    """Reads the result of a provider's tool; raises `ValueError`. That of one that streams is the
    text of all its frames, one behind the other."""
    if isinstance(answer, str):
        frames = _frames(answer)
        if frames:
            return collected(frames)
    return LlmAnswer.from_wire(answer)


def collected(frames: Iterable[Chunk | End]) -> LlmAnswer:
    """The answer that the frames make up."""
    texts: list[str] = []
    end = End()
    for frame in frames:
        if isinstance(frame, Chunk):
            texts.append(frame.content)
        else:
            end = frame
    return LlmAnswer("".join(texts), end.usage, end.stop_reason)


def read_piece(piece: str) -> tuple[str, LlmAnswer | None]:
    """The text in a piece of a stream, and the answer with which that ends. Raises `ValueError`."""
    frame = read_frame(piece)
    if isinstance(frame, Chunk):
        return frame.content, None
    if isinstance(frame, End):
        return "", LlmAnswer("", frame.usage, frame.stop_reason)
    # Not from a provider that streams: it is the whole answer, or the text that is one.
    try:
        answer = LlmAnswer.from_wire(_object(piece))
    except ValueError:
        return piece, None
    if answer.tool_calls:
        raise ValueError("it leaves its tools to the one who asks; ask it without `stream`")
    return answer.content, answer


def _object(piece: str) -> dict[str, Any]:
    value = json.loads(piece)
    if not isinstance(value, dict) or value.get("role") != "assistant":
        raise ValueError("no answer")
    return value


def _frames(text: str) -> list[Chunk | End]:
    """The frames that a text consists of; none if it is anything else."""
    decoder = json.JSONDecoder()
    frames: list[Chunk | End] = []
    position = 0
    while position < len(text):
        try:
            _, end = decoder.raw_decode(text, position)
        except ValueError:
            return []
        frame = read_frame(text[position:end])
        if frame is None:
            return []
        frames.append(frame)
        position = end
    return frames
