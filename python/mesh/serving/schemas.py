"""JSON Schemas of tools, as the registry gets them."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Mapping
from typing import Any

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from mesh._mesh import canonicalize

logger = logging.getLogger("mesh")


def of_type(annotation: Any) -> dict[str, Any] | None:
    """The schema of a type; None for what has none: no annotation, None, Any, foreign classes."""
    if annotation in (inspect.Signature.empty, None, type(None), Any):
        return None
    try:
        return TypeAdapter(annotation).json_schema()
    except (
        PydanticInvalidForJsonSchema,
        PydanticSchemaGenerationError,
        PydanticUserError,
        NameError,
    ) as error:
        logger.debug("no schema of %r: %s", annotation, error)
        return None


def expected(value: Any) -> dict[str, Any] | None:
    """The schema of an `expected_type`, which may be a schema already."""
    return dict(value) if isinstance(value, Mapping) else of_type(value)


def canonical(schema: Mapping[str, Any]) -> tuple[Any, str, list[str], str]:
    """Canonical form, hash, warnings and verdict, computed by the native core."""
    text, digest, warnings, verdict = canonicalize(json.dumps(schema, ensure_ascii=False))
    return json.loads(text), digest, warnings, verdict
