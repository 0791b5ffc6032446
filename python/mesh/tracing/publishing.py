"""Who is told of the spans: a stream in Redis, which the registry reads."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mesh.serving.environment import (
    Environ,
    SettingError,
    read_flag,
    read_integer,
    read_text,
)
from mesh.tracing.spans import Spans, origin

if TYPE_CHECKING:
    from mesh._mesh import SpanPublisher
    from mesh.serving.settings import Address

logger = logging.getLogger("mesh")

# Seconds that spans which are under way have to reach Redis when the agent ends.
LAST_SPANS = 0.25


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """How an agent traces."""

    # None: traces grow, and nobody is told.
    redis_url: str | None
    # Roughly how many spans the stream keeps; 0 keeps all.
    stream_length: int


def trace_settings(environ: Environ) -> TraceSettings | None:
    """Reads them; None while tracing is off. Raises `SettingError`."""
    length = read_integer(environ, "MCP_MESH_TRACE_STREAM_MAXLEN", default=100_000, least=0)
    is_on = read_flag(environ, "MCP_MESH_DISTRIBUTED_TRACING_ENABLED", default=False)
    if not is_on or not read_flag(environ, "MCP_MESH_TELEMETRY_ENABLED", default=True):
        return None
    if not read_flag(environ, "MCP_MESH_REDIS_TRACE_PUBLISHING", default=True):
        return TraceSettings(None, length)
    url = read_text(environ, "REDIS_URL") or "redis://localhost:6379"
    try:
        parts = urlsplit(url)
        is_remote = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
        is_usable = bool(is_remote or (parts.scheme == "unix" and parts.path))
    except ValueError:
        is_usable = False
    if not is_usable:
        raise SettingError("REDIS_URL", url, "a URL such as redis://localhost:6379")
    return TraceSettings(url, length)


class Tracing:
    """An agent's spans on their way to Redis, which may come and go."""

    def __init__(
        self, settings: TraceSettings, agent: tuple[str, str, str], address: Address
    ) -> None:
        """`agent` is id, name and namespace, `address` what it advertises."""
        self._publisher: SpanPublisher | None = None
        if settings.redis_url is not None:
            from mesh._mesh import SpanPublisher

            self._publisher = SpanPublisher(settings.redis_url, settings.stream_length)
        self.spans = Spans(
            origin(agent, address, read_text(os.environ, "POD_IP")),
            self._publisher and self._publisher.publish,
        )

    def stop(self) -> None:
        """Brings what is under way to Redis, if that takes no more than a moment."""
        if self._publisher is None:
            return
        self._publisher.stop(LAST_SPANS)
        if self._publisher.dropped:
            logger.warning(
                "%d of %d spans did not reach Redis",
                self._publisher.dropped,
                self._publisher.dropped + self._publisher.published,
            )
