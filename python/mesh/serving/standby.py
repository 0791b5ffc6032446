"""Answers probes while the program's event loop is blocked, from another thread.

Whatever is no probe waits, unread, for the loop to turn again.
"""

from __future__ import annotations

import logging
import re
import selectors
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote

from mesh.serving.probes import Probes

logger = logging.getLogger("mesh")

# Seconds that a connection may take to say what it wants, and bytes.
PATIENCE = 1.0
LONGEST = 8192
# Seconds between two looks at connections that have not said it.
LOOK = 0.02

REQUEST = re.compile(rb"(GET|HEAD) (/[^ ?]*)(?:\?[^ ]*)? HTTP/1\.[01]\r\n")
HEAD_END = b"\r\n\r\n"


class Standby:
    """Takes connections that a blocked program leaves waiting; those that are no probes are handed
    over by `hand_over`, which the program gets to when it can."""

    def __init__(
        self,
        listener: socket.socket,
        probes: Probes,
        hand_over: Callable[[socket.socket], None],
    ) -> None:
        self._listener = listener
        self._probes = probes
        self._hand_over = hand_over
        # Until when each may take to say what it wants.
        self._undecided: dict[socket.socket, float] = {}

    def attend(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """Serves for so many seconds, or until `is_over`."""
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while time.monotonic() < end and not is_over():
                if selector.select(LOOK):
                    self._accept()
                for connection in [*self._undecided]:
                    self._consider(connection)

    def retire(self) -> None:
        """Leaves what is undecided to the program."""
        while self._undecided:
            self._hand_over(self._undecided.popitem()[0])

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            # It has gone, or the program has taken it; or there are no files left.
            time.sleep(LOOK)
            return
        connection.setblocking(False)
        self._undecided[connection] = time.monotonic() + PATIENCE

    def _consider(self, connection: socket.socket) -> None:
        head = _peek(connection)
        request = REQUEST.match(head) if head else None
        path = unquote(request[2].decode("latin-1")) if request else ""
        is_probe = path in self._probes.routes
        has_spoken = head is not None and (b"\r\n" in head or len(head) >= LONGEST)
        if head == b"":
            del self._undecided[connection]
            connection.close()
        elif head and request and is_probe and HEAD_END in head:
            del self._undecided[connection]
            connection.recv(head.index(HEAD_END) + len(HEAD_END))
            self._answer(connection, path, is_head=request[1] == b"HEAD")
        elif (has_spoken and not is_probe) or time.monotonic() > self._undecided[connection]:
            del self._undecided[connection]
            self._hand_over(connection)

    def _answer(self, connection: socket.socket, path: str, *, is_head: bool) -> None:
        status, kind, text = self._probes.known(path)
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"date: {formatdate(usegmt=True)}",
            f"content-type: {kind.decode()}",
            f"content-length: {len(text)}",
            "connection: close",
        )
        head = "\r\n".join(lines).encode() + HEAD_END
        try:
            # A few hundred bytes: an empty buffer takes them.
            connection.sendall(head if is_head else head + text)
            connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            logger.debug("a probe has gone: %s", error)
        connection.close()


def _peek(connection: socket.socket) -> bytes | None:
    """What a connection has said so far: None is nothing yet, and nothing is that it has gone."""
    try:
        return connection.recv(LONGEST, socket.MSG_PEEK)
    except BlockingIOError:
        return None
    except OSError:
        return b""
