"""Who answers calls in a mesh in memory, and as whom the registry knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from mesh.serving.settings import Address

if TYPE_CHECKING:
    from mesh.calling.headers import Inbound

# Hears what a tool says before it ends.
Said = Callable[[str], None]


def ignored(_piece: str) -> None:
    """Hears nothing."""


class Provider(Protocol):
    """An agent, or a fake of one."""

    # As the test calls it.
    name: str

    async def result(
        self, function: str, arguments: dict[str, Any], request: Inbound, said: Said = ignored
    ) -> dict[str, Any]:
        """The result of a `tools/call`, as it is on the wire; `said` hears the pieces of a
        stream."""
        ...

    async def ask(self, method: str, params: dict[str, Any], request: Inbound) -> dict[str, Any]:
        """The result of any other method of MCP; raises `RuntimeError`."""
        ...


def endpoint(agent_id: str) -> str:
    """Where an agent in memory is said to be, which is nowhere."""
    return address(agent_id).url


def address(agent_id: str) -> Address:
    """The same in parts. By the `@` registries see that this is no host to connect to."""
    return Address(f"{agent_id}@memory", 1)


def registration(agent_id: str, tools: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The least that the registry has to be told of an agent."""
    host, port, _scheme = address(agent_id)
    return {"agent_id": agent_id, "http_host": host, "http_port": port, "tools": tools}
