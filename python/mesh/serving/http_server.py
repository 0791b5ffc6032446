"""Uvicorn, as far as an agent wants it: no signal handling, no log, a word when it serves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn

# Seconds that calls which are being served may take to end when the agent stops: a container that
# is told to stop ends within three, farewell and clean-up included.
DRAIN = 2


class _Config(uvicorn.Config):
    """Takes TLS as it is: what uvicorn makes of files allows ciphers of the last century."""

    own_ssl: ssl.SSLContext | None = None

    def load(self) -> None:
        super().load()
        self.ssl = self.own_ssl


class HttpServer(uvicorn.Server):
    """Serves an ASGI application, with its lifespan, until `should_exit` is set."""

    def __init__(
        self,
        application: Any,
        serving: Callable[[], Awaitable[None]],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        config = _Config(
            application,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=DRAIN,
        )
        config.own_ssl = tls
        super().__init__(config)
        self._serving = serving

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the agent: uvicorn would raise them again after its shutdown, and
        the process would end by signal rather than with exit code 0."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts serving and then says so: whoever finds the agent can call it."""
        await super().startup(sockets=sockets)
        if self.started:
            await self._serving()

    async def adopt(self, connection: socket.socket) -> None:
        """Serves a connection that somebody else has accepted."""
        config = self.config
        if self.should_exit:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        # As uvicorn does for those that it accepts.
        await loop.connect_accepted_socket(
            lambda: config.http_protocol_class(  # type: ignore[call-arg]
                config=config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
            ),
            connection,
        )
