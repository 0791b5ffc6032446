"""What is made of a provider's answer: a text, a model, or an error that says why neither."""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from mesh.thinking.errors import LLMRefusedError, MaxIterationsError, ResponseParseError
from mesh.thinking.wire import LlmAnswer

# The most of an answer that an error quotes.
QUOTED = 200


class TextShape:
    """Answers are texts, as they are."""

    schema: Mapping[str, Any] | None = None
    name: str | None = None

    def read(self, answer: LlmAnswer) -> Any:
        """The answer itself."""
        return answer.content


class TypedShape:
    """Answers are JSON of a type. Models are asked for with their schema."""

    def __init__(self, wanted: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(wanted)
        is_model = isinstance(wanted, type) and issubclass(wanted, BaseModel)
        self.schema: Mapping[str, Any] | None = wanted.model_json_schema() if is_model else None
        self.name: str | None = wanted.__name__ if is_model else None
        self._label = getattr(wanted, "__name__", None) or str(wanted)

    def read(self, answer: LlmAnswer) -> Any:
        """The value that the answer holds; raises `ResponseParseError`."""
        found = _json(answer.content)
        try:
            if found is not None:
                return self._adapter.validate_json(found)
            # A bare word, such as one of an enumeration.
            return self._adapter.validate_python(answer.content.strip())
        except ValidationError as error:
            problem = "it is no JSON" if found is None else _problems(error)
            cut = "; it was cut: raise max_tokens" if answer.stop_reason == "max_tokens" else ""
            raise ResponseParseError(
                f"the answer is not a {self._label}: {problem}; it is "
                f"{_quoted(answer.content)}{cut}"
            ) from error


Shape = TextShape | TypedShape


def shape_of(wanted: Any) -> Shape:
    """How answers for a function that returns `wanted` are read."""
    if typing.get_origin(wanted) is typing.Annotated:
        return shape_of(typing.get_args(wanted)[0])
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        others = [each for each in typing.get_args(wanted) if each is not type(None)]
        if len(others) == 1:
            return shape_of(others[0])
    if wanted in (str, Any, object, None, type(None), inspect.Signature.empty):
        return TextShape()
    try:
        return TypedShape(wanted)
    except PydanticUserError:
        # What no JSON can be, the function makes of a text.
        return TextShape()


def check_whole(answer: LlmAnswer, asked: tuple[str, int]) -> None:
    """Raises the error of an answer that is none. `asked` is the function, and how often its
    provider may ask the model."""
    function, iterations = asked
    if answer.stop_reason == "max_iterations":
        raise MaxIterationsError(iterations, iterations, function)
    if answer.stop_reason == "refusal":
        raise LLMRefusedError(answer.content or "the model refused to answer")


def _json(text: str) -> str | None:
    """The JSON that an answer is, or that stands in it: models like to wrap it in prose."""
    decoder = json.JSONDecoder()
    stripped = text.strip()
    if _ends_at(decoder, stripped, 0) == len(stripped):
        return stripped
    for start, character in enumerate(stripped):
        if character in "{[":
            end = _ends_at(decoder, stripped, start)
            if end is not None:
                return stripped[start:end]
    return None


def _ends_at(decoder: json.JSONDecoder, text: str, start: int) -> int | None:
    """Where the JSON ends that begins at `start`, if one does."""
    try:
        return decoder.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()
    )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= QUOTED else f"{text[:QUOTED]}…")
