"""What the registry is told of a fake."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, cast

from pydantic import BaseModel, PydanticUserError, TypeAdapter

from mesh.serving import schemas
from mesh.serving.payload import schema_fields

ANYTHING: Mapping[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Offer:
    """One capability, and by what it is found."""

    capability: str
    tags: Sequence[str] = ()
    version: str = "1.0.0"
    description: str | None = None
    # A type or a JSON Schema; None is that of the answer, if it can be told.
    returns: Any = None
    is_task: bool = False

    def tool(self, answer: Any) -> dict[str, Any]:
        """The fields of the tool that offers it."""
        fields: dict[str, Any] = {
            "function_name": self.capability,
            "capability": self.capability,
            "version": self.version,
            "tags": list(self.tags),
            "kwargs": {"task": self.is_task},
        }
        is_function = inspect.isroutine(answer)
        description = self.description or (inspect.getdoc(answer) if is_function else None)
        if description:
            fields["description"] = description
        parameters = _parameters(answer) if is_function else ANYTHING
        output = _returned(answer) if self.returns is None else schemas.expected(self.returns)
        return fields | schema_fields(self.capability, parameters, output, strict=False)


def _parameters(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(cast("Any", function))
        return adapter.json_schema()
    except PydanticUserError:
        return ANYTHING


def _returned(answer: Any) -> dict[str, Any] | None:
    if inspect.isroutine(answer):
        return schemas.of_type(inspect.signature(answer, eval_str=True).return_annotation)
    # What a dictionary stands for, nobody knows; models and texts say it.
    is_typed = isinstance(answer, (BaseModel, str, bool, int, float)) or is_dataclass(answer)
    return schemas.of_type(type(answer)) if is_typed else None
