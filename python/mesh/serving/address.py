"""Where the agent listens, and what it tells the mesh about that."""

from __future__ import annotations

import errno
import logging
import socket

from mesh.serving.settings import Address, Settings

logger = logging.getLogger("mesh")


class AddressError(Exception):
    """The agent cannot listen."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. A port that is in use is replaced by one that the system picks."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The explicit protocol matters: asyncio switches Nagle's algorithm off only for sockets that
    # carry it, and with Nagle every kept-alive call takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(2048)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or port == 0:
                raise
            logger.warning(
                "port %d cannot be used (%s): the system picks one", port, error.strerror
            )
            listener.close()
            return bind(host, 0)
        listener.setblocking(False)
        return listener
    except OSError as error:
        listener.close()
        raise AddressError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; set HOST to an address of "
            "this machine"
        ) from error


def advertised(settings: Settings, port: int, *, is_secure: bool) -> Address:
    """What the registry is told; `port` is what was bound, not what was asked for, and `is_secure`
    whether TLS is spoken there."""
    if settings.http_endpoint is not None:
        return settings.http_endpoint
    scheme = "https" if is_secure else "http"
    return Address(settings.http_host or outward_host(), port, scheme)


def outward_host() -> str:
    """The address of this machine towards others; connecting UDP sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("8.8.8.8", 80))
            return str(probe.getsockname()[0])
        except OSError:
            return "localhost"
