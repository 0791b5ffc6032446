"""Membership without a server: when companions run, and in which order all of it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from fake_mesh import FakeRegistry

from mesh.calling import membership
from mesh.calling.membership import Membership
from mesh.declaring.catalogue import AgentDeclaration
from mesh.serving.companions import Companion
from mesh.serving.member import Member
from mesh.serving.payload import registration
from mesh.serving.settings import Address, Settings, resolve


def settings(registry: FakeRegistry, **changes: Any) -> Settings:
    resolved = resolve({"MCP_MESH_REGISTRY_URL": registry.url}, None)
    return replace(resolved, agent_id="tester-1", heartbeat_interval=0.05, **changes)


async def seen(look: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not look():
            await asyncio.sleep(0.005)


def noted(log: list[str], name: str, *, drain: float = 0) -> Companion:
    @asynccontextmanager
    async def companion(current: Membership) -> AsyncIterator[None]:
        log.append(f"{name} with {current.agent_id}")
        yield
        await asyncio.sleep(drain)
        log.append(f"{name} ended")

    return companion


async def end(member: Member) -> None:
    member.ending.set()
    await member.companions_ended()
    await member.leave()


async def test_companions_end_at_their_own_pace_before_the_registry_is_told(
    registry: FakeRegistry,
) -> None:
    companions = [noted(registry.log, "slow", drain=0.1), noted(registry.log, "quick")]
    member = Member(settings(registry), None, companions)
    await member.join(registration(member.settings, Address("127.0.0.1", 1), {}), {})
    assert membership.current() is not None
    await seen(lambda: "quick with tester-1" in registry.log)
    assert registry.log[0] == "POST /heartbeat"
    assert member.runtime() == ("up", None)

    await end(member)
    last = [line for line in registry.log if not line.startswith(("HEAD", "POST"))]
    assert last[2:] == ["quick ended", "slow ended", "DELETE /agents/tester-1"]
    assert member.runtime() == ("shutting_down", None)
    assert membership.current() is None


async def test_companions_wait_until_the_registry_knows_the_agent(registry: FakeRegistry) -> None:
    """An agent that is not well is not registered; companions follow when it is."""
    is_well = False
    agent = AgentDeclaration("tester", health_check=lambda: is_well)
    log: list[str] = []
    member = Member(settings(registry, health_check_ttl=0.02), agent, [noted(log, "worker")])
    await member.join(registration(member.settings, Address("127.0.0.1", 1), {}), {})
    await asyncio.sleep(0.1)
    assert log == []
    is_well = True
    await seen(lambda: log)
    await end(member)
    assert log == ["worker with tester-1", "worker ended"]


async def test_companions_of_an_agent_that_was_never_registered_do_not_start(
    registry: FakeRegistry,
) -> None:
    log: list[str] = []
    member = Member(
        settings(registry, registry_url="http://127.0.0.1:9"), None, [noted(log, "worker")]
    )
    await member.join(registration(member.settings, Address("127.0.0.1", 1), {}), {})
    await end(member)
    assert log == []


async def test_companions_run_without_a_registry(registry: FakeRegistry) -> None:
    log: list[str] = []
    member = Member(settings(registry, standalone=True), None, [noted(log, "worker")])
    await member.join(registration(member.settings, Address("127.0.0.1", 1), {}), {})
    assert member.runtime() == ("standalone", None)
    await seen(lambda: log)
    await end(member)
    assert log == ["worker with tester-1", "worker ended"]


async def test_a_companion_that_fails_takes_nothing_along(
    registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def broken(_current: Membership) -> AsyncIterator[None]:
        raise OSError("no such queue")
        yield

    log: list[str] = []
    member = Member(settings(registry), None, [broken, noted(log, "worker")])
    await member.join(registration(member.settings, Address("127.0.0.1", 1), {}), {})
    await seen(lambda: log)
    assert "no such queue" in caplog.text
    await end(member)
    assert log == ["worker with tester-1", "worker ended"]
