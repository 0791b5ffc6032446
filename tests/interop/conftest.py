"""Each test gets a mesh of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mesh_harness import Mesh, a_mesh


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    with a_mesh(tmp_path) as lent:
        yield lent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Spreads tests one by one, whatever `--dist` says; those that share a mesh stay together."""
    from xdist.scheduler import LoadScopeScheduling

    class ByMesh(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return shared_mesh(nodeid) or nodeid

    return ByMesh(config, log)


def shared_mesh(nodeid: str) -> str | None:
    """What stands for the mesh that this test shares with others."""
    path, _, test = nodeid.partition("::")
    if path.endswith(("test_published_meshctl.py", "test_same_answers.py")):
        return f"{path} with {'its-own' if 'its-own' in test else 'our'} registry"
    if test.startswith(("test_the_same_comes_of_it", "test_the_answers_differ")):
        return path
    return None
