"""Canonical forms come from the native core and are the ones that every runtime computes."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mesh import _mesh
from mesh.serving import schemas

VECTORS = Path(__file__).parents[2] / "crates/mesh-core/src/schema/vectors.json"


@pytest.mark.parametrize(
    "vector", json.loads(VECTORS.read_text()), ids=lambda vector: vector["schema"][:60]
)
def test_a_vector_of_the_published_runtimes(vector: dict[str, Any]) -> None:
    assert _mesh.canonicalize(vector["schema"]) == (
        vector["canonical"],
        vector["hash"],
        vector["warnings"],
        vector["verdict"],
    )


def test_types_without_a_schema_have_none() -> None:
    class Foreign:
        pass

    for annotation in (None, type(None), Any, Foreign, "Unknown"):
        assert schemas.of_type(annotation) is None


def test_an_expected_type_may_be_a_type_or_a_schema() -> None:
    class City(BaseModel):
        name: str

    assert schemas.expected(City)["required"] == ["name"]
    assert schemas.expected({"type": "string"}) == {"type": "string"}
    form, digest, warnings, verdict = schemas.canonical({"type": "object"})
    assert (form, warnings, verdict) == ({"type": "object"}, [], "OK")
    assert digest == "sha256:a2c799262a3ce3c19ef5cdd983bf3d12b43ab3c426227091b909dcb7054738c0"
