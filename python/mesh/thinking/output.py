"""How a model is brought to answer in JSON: held to a schema by its vendor, or asked to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mesh.thinking.messages import RequestError
from mesh.thinking.vendor import OutputSchema

MODES = ("strict", "hint", "text")
Schema = Mapping[str, Any]


def wanted(params: Mapping[str, Any]) -> tuple[str | None, OutputSchema | None]:
    """The mode and the schema that a request asks for; raises `RequestError`."""
    mode = params.get("output_mode")
    if mode is not None and mode not in MODES:
        raise RequestError(f"output_mode must be one of {', '.join(MODES)}, got {mode!r}")
    schema = params.get("output_schema")
    if schema is None or mode == "text":
        return mode, None
    if not isinstance(schema, Mapping):
        raise RequestError(f"output_schema must be a JSON Schema, got {schema!r}")
    name = params.get("output_type_name") or schema.get("title") or "answer"
    return mode, OutputSchema(str(name), schema)


def hint(schema: OutputSchema) -> str:
    """What a model is told that its vendor does not hold to the schema."""
    return (
        "Your final answer has to be one JSON value that is valid by this JSON Schema, and nothing "
        "else: no explanation before or after it, no Markdown fence around it.\n"
        + json.dumps(schema.schema, ensure_ascii=False)
    )


def closed(schema: Schema, *, all_required: bool) -> Schema | None:
    """The schema as vendors hold models to it: objects have the named properties and no others.

    With `all_required` none may be left out, either. None when that would change what the schema
    means: an object with keys of any name cannot be closed.
    """
    try:
        closed_schema: Schema = _closed(schema, all_required)
    except _OpenObjectError:
        return None
    return closed_schema


class _OpenObjectError(Exception):
    """An object with keys of any name."""


def _closed(schema: Any, all_required: bool) -> Any:
    if isinstance(schema, list):
        return [_closed(item, all_required) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # Beside a reference nothing may stand.
    fields = {
        key: _closed_each(value, all_required)
        if key in ("properties", "$defs", "definitions")
        else value
        if key in ("enum", "const", "default", "examples", "required")
        else _closed(value, all_required)
        for key, value in schema.items()
        # Nothing is left out, so there is nothing to fall back to.
        if not (all_required and key == "default")
    }
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties", False) is not False or not schema.get("properties"):
            raise _OpenObjectError
        fields["additionalProperties"] = False
        if all_required:
            fields["required"] = list(schema["properties"])
    return fields


def _closed_each(schemas: Mapping[str, Any], all_required: bool) -> dict[str, Any]:
    return {name: _closed(schema, all_required) for name, schema in schemas.items()}
