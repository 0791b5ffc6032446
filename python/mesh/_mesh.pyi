"""The native module: the agent's runtime, written in Rust."""

from asyncio import Future
from typing import Any, Literal, Protocol, final, type_check_only

__all__ = [
    "Agent",
    "CallHandle",
    "Target",
    "__version__",
    "canonicalize",
    "meshctl",
    "registry",
    "start_logging",
]

__version__: str

@final
class Target:
    """The provider of one dependency."""

    @property
    def agent_id(self) -> str: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def function_name(self) -> str: ...
    @property
    def capability(self) -> str: ...
    def with_function(self, name: str) -> Target: ...

@final
class CallHandle:
    """A call under way."""

    def cancel(self) -> None: ...

@type_check_only
class StartSettings(Protocol):
    """What the runtime reads of the settings."""

    @property
    def registry_url(self) -> str: ...
    @property
    def heartbeat_interval(self) -> float: ...
    @property
    def settle_timeout(self) -> float: ...
    @property
    def standalone(self) -> bool: ...

@final
class Agent:
    """A running agent; dropping it stops it."""

    @staticmethod
    def start(registration: str, settings: StartSettings, /) -> Agent: ...
    @property
    def agent_id(self) -> str: ...
    def status(self) -> tuple[str, str | None]: ...
    def slot(self, function: str, index: int, /) -> Target | None: ...
    def await_slot(self, function: str, index: int, future: Future[Target | None], /) -> None: ...
    def wait_slot(self, function: str, index: int, /) -> Target | None: ...
    def call(
        self,
        target: Target,
        request: tuple[str, float, list[tuple[str, str]]],
        future: Future[Any],
        /,
    ) -> CallHandle: ...
    def call_blocking(
        self,
        target: Target,
        request: tuple[str, float, list[tuple[str, str]]],
        /,
    ) -> Any: ...
    def replace(self, registration: str, /) -> None: ...
    def set_health(self, health: str, /) -> None: ...
    def stop(self, patience: float, /) -> str | None: ...

def canonicalize(schema: str, /) -> tuple[str, str, list[str], Literal["OK", "WARN", "BLOCK"]]: ...
def start_logging(level: str, /) -> None: ...
def meshctl() -> int: ...
def registry() -> int: ...
