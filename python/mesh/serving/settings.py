"""Settings: environment over decorator arguments over defaults, read once when the agent starts.

A value that cannot be read is never replaced by a default: the agent does not start.
"""

from __future__ import annotations

import logging
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from mesh.asking.overrides import LlmOverrides, read_overrides
from mesh.media.settings import MediaSettings
from mesh.media.store import checked_media
from mesh.serving.environment import (
    Environ,
    SettingError,
    is_host,
    read_exact_flag,
    read_flag,
    read_integer,
    read_seconds,
    read_text,
    read_url,
)
from mesh.serving.tls import Tls, read_tls
from mesh.tracing.publishing import TraceSettings, trace_settings

if TYPE_CHECKING:
    from mesh.declaring.catalogue import AgentDeclaration

# The levels of every runtime of the mesh, in Python's numbers.
LOG_LEVELS = {
    "TRACE": logging.DEBUG - 5,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "CRITICAL": logging.CRITICAL,
}

# The rule by which a registry accepts names, and how long they may be.
PLAIN_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
MAX_LABEL = 63
MAX_AGENT_ID = 253
# What the name of a header may consist of, in lower case; a star stands for others here.
HEADER = re.compile(r"[a-z0-9!#$%&'^_`|~.+-]+")
# Each is a thread, and they share one interpreter lock.
MAX_WORKERS = 64

DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """Where an agent is called."""

    host: str
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """How this agent runs."""

    agent_id: str
    name: str
    version: str
    description: str | None
    namespace: str
    bind_host: str
    # The host to advertise; None is found out when the agent starts.
    http_host: str | None
    http_port: int
    # What to advertise instead of all that.
    http_endpoint: Address | None
    http_enabled: bool
    auto_run: bool
    registry_url: str
    standalone: bool
    heartbeat_interval: int
    health_check_ttl: int
    settle_timeout: float
    call_timeout: float
    propagate_headers: tuple[str, ...]
    schema_strict: bool
    # Whether tools that would only block the event loop run beside it.
    tool_isolation: bool
    # How many event loops share the other `async def` tools; 1 is the program's own.
    tool_workers: int
    # None while tracing is off.
    tracing: TraceSettings | None
    log_level: int
    media: MediaSettings
    llm: LlmOverrides
    # None while it is off.
    tls: Tls | None

    # What the native part reads of it.

    @property
    def tls_ca(self) -> str | None:
        """Whom to believe at `https`, beside the system's authorities."""
        return None if self.tls is None else self.tls.ca

    @property
    def tls_cert(self) -> str | None:
        """What to show there."""
        return None if self.tls is None else self.tls.cert

    @property
    def tls_key(self) -> str | None:
        """The key to that."""
        return None if self.tls is None else self.tls.key


def resolve(environ: Environ, agent: AgentDeclaration | None) -> Settings:
    """Reads the settings; raises `SettingError`."""
    prefix = _name(environ, "MCP_MESH_AGENT_NAME", "name", agent.name if agent else "agent", agent)
    agent_id = read_text(environ, "MCP_MESH_AGENT_ID") or f"{prefix}-{uuid.uuid4().hex[:8]}"
    check_name("MCP_MESH_AGENT_ID", agent_id, MAX_AGENT_ID)
    named = agent is not None or "MCP_MESH_AGENT_NAME" in environ
    version = read_text(environ, "MCP_MESH_AGENT_VERSION") or (
        agent.version if agent else read_text(environ, "MCP_MESH_VERSION")
    )
    _check_unused(environ)
    return Settings(
        agent_id=agent_id,
        name=prefix if named else agent_id,
        version=version or "1.0.0",
        description=agent.description if agent else None,
        namespace=_name(
            environ,
            "MCP_MESH_NAMESPACE",
            "namespace",
            (agent and agent.namespace) or "default",
            agent,
        ),
        bind_host=read_text(environ, "HOST") or "0.0.0.0",  # noqa: S104  agents are called from elsewhere
        http_host=_http_host(environ) or (agent and agent.http_host) or None,
        http_port=read_integer(
            environ,
            "MCP_MESH_HTTP_PORT",
            default=(agent and agent.http_port) or 0,
            least=0,
            most=65535,
        ),
        http_endpoint=_endpoint(environ),
        http_enabled=read_flag(
            environ,
            "MCP_MESH_HTTP_ENABLED",
            default=agent is None or agent.enable_http is not False,
        ),
        auto_run=read_flag(
            environ, "MCP_MESH_AUTO_RUN", default=agent is None or agent.auto_run is not False
        ),
        registry_url=registry_url(environ),
        standalone=read_flag(environ, "MCP_MESH_STANDALONE", default=False),
        heartbeat_interval=read_integer(
            environ,
            "MCP_MESH_HEALTH_INTERVAL",
            default=(agent and agent.heartbeat_interval) or 5,
            least=1,
        ),
        health_check_ttl=read_integer(
            environ,
            "MCP_MESH_HEALTH_CHECK_TTL",
            default=(agent and agent.health_check_ttl) or 15,
            least=1,
        ),
        settle_timeout=read_seconds(environ, "MCP_MESH_SETTLE_TIMEOUT", default=20.0),
        call_timeout=_whole_seconds(environ, "MCP_MESH_CALL_TIMEOUT", default=300),
        propagate_headers=_header_patterns(environ),
        schema_strict=read_flag(environ, "MCP_MESH_SCHEMA_STRICT", default=False),
        tool_isolation=read_exact_flag(environ, "MCP_MESH_TOOL_ISOLATION", default=True),
        tool_workers=read_integer(
            environ, "MCP_MESH_TOOL_WORKERS", default=1, least=1, most=MAX_WORKERS
        ),
        tracing=trace_settings(environ),
        log_level=_log_level(environ),
        media=checked_media(environ),
        llm=read_overrides(environ),
        tls=read_tls(environ),
    )


def _check_unused(environ: Environ) -> None:
    """What has no meaning for this agent, as most of it has for none: a mistake is a mistake."""
    read_integer(environ, "MCP_MESH_AUTO_RUN_INTERVAL", default=10, least=1)
    read_seconds(environ, "MCP_MESH_DEBOUNCE_DELAY", default=1.0)
    read_seconds(environ, "MCP_MESH_SERVER_STARTUP_TIMEOUT", default=30.0)
    read_integer(environ, "MCP_MESH_JOBPROXY_CACHE_MAX", default=256, least=1)


def _name(
    environ: Environ, variable: str, argument: str, declared: str, agent: AgentDeclaration | None
) -> str:
    """A name from the environment, or else from the argument of `@mesh.agent`."""
    value = read_text(environ, variable)
    if value is None:
        place = f" at {agent.location}" if agent is not None and agent.location.line else ""
        check_name(f"{argument} in @mesh.agent{place}", declared, MAX_LABEL)
        return declared
    check_name(variable, value, MAX_LABEL)
    return value


def check_name(origin: str, value: str, longest: int) -> None:
    """Raises `SettingError` for what no registry accepts as a name."""
    # A registry would refuse it again and again, and the agent would never be in the mesh.
    if len(value) > longest or PLAIN_NAME.fullmatch(value) is None:
        raise SettingError(
            origin,
            value,
            "lower-case letters, digits and hyphens, with a letter or digit at either end, "
            f"and no longer than {longest} characters",
        )


def _whole_seconds(environ: Environ, name: str, *, default: int) -> int:
    # Rounded half up, because the callee is told whole seconds.
    return max(1, int(read_seconds(environ, name, default=float(default)) + 0.5))


def _http_host(environ: Environ) -> str | None:
    name = "MCP_MESH_HTTP_HOST"
    value = read_text(environ, name)
    if value is not None and not is_host(value):
        raise SettingError(name, value, "the name or the address of a host")
    return value


def _endpoint(environ: Environ) -> Address | None:
    name = "MCP_MESH_HTTP_ENDPOINT"
    value = read_text(environ, name)
    if value is None:
        return None
    allowed = "a URL such as http://weather.example:8080"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise SettingError(name, value, allowed) from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise SettingError(name, value, allowed)
    return Address(parts.hostname, port or DEFAULT_PORTS[parts.scheme], parts.scheme)


def registry_url(environ: Environ) -> str:
    """The registry's base URL."""
    name, usual = "MCP_MESH_REGISTRY_URL", "http://localhost:8000"
    return read_url(environ, name, usual, ("http", "https")) or usual


def _header_patterns(environ: Environ) -> tuple[str, ...]:
    name = "MCP_MESH_PROPAGATE_HEADERS"
    value = read_text(environ, name) or ""
    patterns = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    for pattern in patterns:
        stem = pattern.removesuffix("*")
        if HEADER.fullmatch(stem) is None:
            allowed = "header names separated by commas; a trailing * stands for a prefix"
            raise SettingError(name, value, allowed)
    return patterns


def _log_level(environ: Environ) -> int:
    if read_flag(environ, "MCP_MESH_DEBUG_MODE", default=False):
        return logging.DEBUG
    name = "MCP_MESH_LOG_LEVEL"
    value = read_text(environ, name)
    if value is None:
        return logging.INFO
    if value.upper() not in LOG_LEVELS:
        raise SettingError(name, value, f"one of {', '.join(LOG_LEVELS)}")
    return LOG_LEVELS[value.upper()]
