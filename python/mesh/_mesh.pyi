"""The native module: the agent's runtime, written in Rust."""

from asyncio import Future
from typing import Any, Literal, Protocol, final, type_check_only

__all__ = [
    "Agent",
    "CallHandle",
    "InMemoryRegistry",
    "Jobs",
    "RegistryError",
    "SpanPublisher",
    "Stream",
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
    def kwargs(self) -> dict[str, Any] | None: ...
    @staticmethod
    def of(
        agent_id: str,
        endpoint: str,
        function_name: str,
        capability: str,
        kwargs: str | None = None,
        /,
    ) -> Target: ...
    def with_function(self, name: str) -> Target: ...

@final
class CallHandle:
    """A call, or a request about jobs, under way."""

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
    @property
    def tls_ca(self) -> str | None: ...
    @property
    def tls_cert(self) -> str | None: ...
    @property
    def tls_key(self) -> str | None: ...

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
    def llm_tools(self, function: str, /) -> list[dict[str, Any]]: ...
    def llm_provider(self, function: str, /) -> dict[str, Any] | None: ...
    def public_url(self, path: str, /) -> str | None: ...
    def await_llm_provider(
        self, function: str, future: Future[dict[str, Any] | None], /
    ) -> None: ...
    def wait_llm_provider(self, function: str, /) -> dict[str, Any] | None: ...
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
    def stream(
        self, target: Target, request: tuple[str, float, list[tuple[str, str]]], /
    ) -> Stream: ...
    def request(
        self,
        target: Target,
        method: str,
        request: tuple[str, float, list[tuple[str, str]]],
        future: Future[Any],
        /,
    ) -> CallHandle: ...
    def replace(self, registration: str, /) -> None: ...
    def set_health(self, health: str, /) -> None: ...
    def jobs(self) -> Jobs: ...
    def pending_hint(self) -> int: ...
    def stop(self, patience: float, /) -> str | None: ...

class RegistryError(RuntimeError):
    """The registry could not be asked, or said no."""

    status: int | None
    """The HTTP status; None if there was no answer."""
    reason: str
    """The registry's own words, such as `claim_superseded`."""
    transient: bool
    """Asking again later may help although nothing else changes."""

@final
class Jobs:
    """Asks a registry about jobs; each request completes a future or fails it: `RegistryError`."""

    @staticmethod
    def connect(
        registry_url: str,
        /,
        *,
        tls_ca: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
    ) -> Jobs: ...
    def create(self, request: str, future: Future[dict[str, Any]], /) -> CallHandle: ...
    def get(
        self, job_id: str, wait: float, future: Future[dict[str, Any]], /, known: str = "working"
    ) -> CallHandle: ...
    def claim(
        self,
        capability: str,
        instance_id: str,
        wait: float,
        future: Future[dict[str, Any] | None],
        /,
    ) -> CallHandle: ...
    def report(self, deltas: str, future: Future[dict[str, Any]], /) -> CallHandle: ...
    def release(
        self, job_id: str, request: str, future: Future[dict[str, Any]], /
    ) -> CallHandle: ...
    def cancel(
        self, job_id: str, reason: str | None, future: Future[dict[str, Any]], /
    ) -> CallHandle: ...
    def post_event(
        self, job_id: str, event: str, future: Future[dict[str, Any]], /
    ) -> CallHandle: ...
    def events(self, job_id: str, query: str, future: Future[dict[str, Any]], /) -> CallHandle: ...

@final
class InMemoryRegistry:
    """A registry in this process, for tests; ends with its last reference."""

    def __new__(cls) -> InMemoryRegistry: ...
    def ask(self, method: str, path: str, body: str = "", /) -> tuple[int, str]: ...
    def jobs(self) -> Jobs: ...

@final
class SpanPublisher:
    """Publishes spans to a Redis stream, without ever waiting for it."""

    def __new__(cls, url: str, max_length: int, /) -> SpanPublisher: ...
    def publish(self, fields: list[tuple[str, str]], /) -> None: ...
    @property
    def published(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    def stop(self, patience: float, /) -> None: ...

@final
class Stream:
    """A call of a tool that says things before it ends; dropping it gives it up."""

    def next(
        self, future: Future[tuple[Literal["chunk"], str] | tuple[Literal["end"], Any]], /
    ) -> None: ...
    def next_blocking(self) -> tuple[Literal["chunk"], str] | tuple[Literal["end"], Any]: ...
    def close(self) -> None: ...

def canonicalize(schema: str, /) -> tuple[str, str, list[str], Literal["OK", "WARN", "BLOCK"]]: ...
def start_logging(level: str, /) -> None: ...
def meshctl() -> int: ...
def registry() -> int: ...
