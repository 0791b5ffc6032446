"""The registry's acceptance list, item by item, spoken over the wire.

Each test gets a registry of its own: ours, and the published one too wherever both must answer
alike, which makes the published one the judge of the tests. A test's name begins with the number
of its item:

    1-9     who is wired to whom                  test_wiring.py
    10, 11  jobs                                  test_jobs.py
    12      a database that does not answer       test_wiring.py, test_statuses.py
    13      calls through the registry            test_proxy.py
    15      an end in good order                  test_jobs.py
    16      agents and `meshctl` as published     tests/interop/test_published_*.py

and every refusal of the surface has its line in test_statuses.py. Item 3's own figures (20 and 30
seconds) are proven with a fixed clock in crates/mesh-registry/tests/it/lifecycle.rs; here an agent
is taken for dead after three seconds. That open streams do not delay the end (15) stands in
watch.rs beside it. Each item has its cases in Rust too: resolution.rs, schema.rs, required.rs,
llm.rs, jobs/ and proxy.rs there. PostgreSQL that goes away under load is in postgres.rs.

Of item 16, Python and `meshctl` are proven. The SDKs for TypeScript and Java are not published
where a test could fetch them; what they send is the same wire.

Item 14 is missing: this registry serves no TLS yet, so there is nothing to trust or to refuse.
With it come the 403 for an agent that another entity owns and the 500 of a proxy that lacks its
certificates.
"""

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
