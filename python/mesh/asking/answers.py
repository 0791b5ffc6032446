"""What is made of a provider's answer: a text, a model, or an error that says why neither."""

from __future__ import annotations

import functools
import inspect
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

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
        try:
            return self._adapter.validate_python(_json(answer.content))
        except ValueError as error:
            # Pydantic's error is one, too.
            problem = _problems(error) if isinstance(error, ValidationError) else "it is no JSON"
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
    return _typed(wanted)


def check_whole(answer: LlmAnswer, asked: tuple[str, int]) -> None:
    """Raises the error of an answer that is none. `asked` is the function, and how often its
    provider may ask the model."""
    function, iterations = asked
    if answer.stop_reason == "max_iterations":
        raise MaxIterationsError(iterations, iterations, function)
    if answer.stop_reason == "refusal":
        raise LLMRefusedError(answer.content or "the model refused to answer")


@functools.cache
def _typed(wanted: Any) -> TypedShape:
    return TypedShape(wanted)


def _json(text: str) -> Any:
    """The JSON that an answer is, or that stands in it: models like to wrap it in prose."""
    stripped = text.strip()
    try:
        return json.loads(stripped)
    except ValueError:
        decoder = json.JSONDecoder()
        for start, character in enumerate(stripped):
            if character not in "{[":
                continue
            try:
                return decoder.raw_decode(stripped, start)[0]
            except ValueError:
                continue
        raise


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in error.errors()
    )


def _quoted(text: str) -> str:
    return repr(text if len(text) <= QUOTED else f"{text[:QUOTED]}…")
