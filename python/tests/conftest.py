"""What every test of the Python package starts from."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fake_mesh import FakeRegistry
from llm_vendor import Vendor

import mesh._mesh
from mesh._mesh import Agent
from mesh.calling import membership
from mesh.calling.headers import HeaderRules
from mesh.calling.membership import Membership
from mesh.declaring.catalogue import Catalogue, catalogue
from mesh.serving.payload import registration
from mesh.serving.settings import Address, resolve


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--installed", action="store_true", help="take the package from this environment only"
    )


def pytest_report_header() -> str:
    return f"mesh {mesh.__version__} in {Path(mesh.__file__).parent}"


def pytest_configure(config: pytest.Config) -> None:
    modules = [Path(module.__file__) for module in (mesh, mesh._mesh)]
    strange = [path for path in modules if not path.is_relative_to(sys.prefix)]
    if config.getoption("--installed") and strange:
        pytest.exit(f"{strange[0]} is not installed in {sys.prefix}", 4)


@pytest.fixture(autouse=True)
def no_mesh_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the machine must not decide a test."""
    for name in list(os.environ):
        if name.startswith(("MCP_MESH_", "MESH_LLM_")) and name != "MCP_MESH_REGISTRY_BIN":
            monkeypatch.delenv(name)
    monkeypatch.delenv("HOST", raising=False)


@pytest.fixture(autouse=True)
def empty_catalogue() -> Iterator[Catalogue]:
    """A process that has declared nothing yet."""
    catalogue.clear()
    yield catalogue
    catalogue.clear()
    membership.enter(None)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Closes what a test opens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def registry(closing: ExitStack) -> FakeRegistry:
    """A registry of this test's own."""
    registry = FakeRegistry()
    closing.callback(registry.server.close)
    return registry


@pytest.fixture
def vendor(registry: FakeRegistry, closing: ExitStack) -> Vendor:
    """An LLM provider beside that registry."""
    return Vendor(registry, closing)


@pytest.fixture
def join(closing: ExitStack, registry: FakeRegistry) -> Callable[..., Awaitable[Membership]]:
    """Registers the declared tools and makes this process a member of the mesh."""

    async def join(
        settle: float = 0, headers: tuple[str, ...] = (), timeout: float = 5, wait: bool = True
    ) -> Membership:
        settings = replace(
            resolve({"MCP_MESH_REGISTRY_URL": registry.url}, None),
            agent_id="tester-1",
            settle_timeout=settle,
            heartbeat_interval=0.05,
        )
        tools = {name: (each, {"type": "object"}) for name, each in catalogue.tools.items()}
        payload = registration(settings, Address("127.0.0.1", 1), tools)
        agent = Agent.start(json.dumps(payload), settings)
        closing.callback(agent.stop, 1.0)
        member = Membership(
            agent=agent,
            agent_id="tester-1",
            own_tools={each.mcp_name: each.wrapper for each in catalogue.tools.values()},
            loop=asyncio.get_running_loop(),
            headers=HeaderRules(headers),
            call_timeout=timeout,
        )
        membership.enter(member)
        while wait and agent.status()[0] == "starting":
            await asyncio.sleep(0.005)
        return member

    return join
