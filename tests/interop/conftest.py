"""Each test gets a mesh of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh_harness import Mesh, a_mesh


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    with a_mesh(tmp_path) as lent:
        yield lent
