"""A registry per test: ours, and the published one wherever both must answer alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mesh_harness import OUR_REGISTRY, UPSTREAM_REGISTRY, a_mesh
from wire import Registry


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ours_only: deliberately better than the published registry")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "registry" in metafunc.fixturenames:
        binaries = [pytest.param(OUR_REGISTRY, id="ours")]
        if not metafunc.definition.get_closest_marker("ours_only"):
            binaries.append(pytest.param(UPSTREAM_REGISTRY, id="published"))
        metafunc.parametrize("registry_binary", binaries)


@pytest.fixture
def registry(tmp_path: Path, registry_binary: Path) -> Iterator[Registry]:
    """A registry that takes an agent for dead after three seconds of silence."""
    with a_mesh(tmp_path) as mesh:
        process = mesh.start_registry(registry_binary)
        with Registry(mesh, process) as lent:
            yield lent
