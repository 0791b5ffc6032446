"""What the servers share: a vendor that says what a test wrote down, turn by turn."""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fake_mesh import Request, Server


@dataclass
class Says:
    """One turn of the model: text, calls of tools as (name, arguments), and what it cost."""

    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tokens: tuple[int, int] = (10, 5)
    # The vendor's own word; by default what fits the rest.
    stop: str | None = None
    # Held back until this is set, between the first part of a stream and the rest.
    gate: threading.Event | None = None


@dataclass
class Fails:
    """An error of the vendor, or any answer that is none: `body` is sent as it is."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    # Seconds until it is sent.
    after: float = 0.0


@dataclass
class Breaks:
    """A stream that ends in the middle of the model's turn, without an end."""

    turn: Says


Turn = Says | Fails | Breaks


class VendorServer:
    """Answers one request after the other with the next turn; the last one stays."""

    # What the SDK is told beside the base URL.
    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._server = Server(self._handle)
        self.url = self._server.url

    def close(self) -> None:
        self._server.close()

    def settings(self) -> dict[str, str]:
        """Environment variables that bring the vendor's SDK here."""
        raise NotImplementedError

    def is_stream(self, request: Request) -> bool:
        return bool(request.json().get("stream"))

    def answer(self, turn: Says, request: Request) -> dict[str, Any]:
        """The whole turn, as one JSON body."""
        raise NotImplementedError

    def events(self, turn: Says, request: Request) -> Iterable[str]:
        """The turn as server-sent events."""
        raise NotImplementedError

    def error(self, status: int, message: str) -> str:
        """An error as this vendor words it."""
        raise NotImplementedError

    def _handle(self, request: Request) -> None:
        self.requests.append(request.json())
        self.paths.append(request.path)
        self.headers.append(
            {name.lower(): value for name, value in request.handler.headers.items()}
        )
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, Fails):
            time.sleep(turn.after)
            self._fail(turn, request)
        elif self.is_stream(request):
            self._stream(turn, request)
        else:
            said = turn.turn if isinstance(turn, Breaks) else turn
            request.answer(200, json.dumps(self.answer(said, request)))

    def _fail(self, turn: Fails, request: Request) -> None:
        body = (turn.body or self.error(turn.status, "no luck today")).encode()
        handler = request.handler
        handler.send_response(turn.status)
        headers = {"content-type": "application/json", **turn.headers}
        for name, value in {**headers, "content-length": str(len(body))}.items():
            handler.send_header(name, value)
        # Whoever asked may have given up.
        with suppress(BrokenPipeError, ConnectionResetError):
            handler.end_headers()
            handler.wfile.write(body)

    def _stream(self, turn: Says | Breaks, request: Request) -> None:
        handler = request.handler
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        said = turn.turn if isinstance(turn, Breaks) else turn
        events = list(self.events(said, request))
        if isinstance(turn, Breaks):
            for event in events[: len(events) // 2]:
                _chunk(handler, event)
            handler.close_connection = True
            return
        for event in events:
            _chunk(handler, event)
            # The first text of the turn is out; a test that looks at the middle lets the rest go.
            if said.gate is not None and said.text and said.text[:1] in event:
                said.gate.wait(10)
        handler.wfile.write(b"0\r\n\r\n")


def pieces(text: str) -> Iterator[str]:
    """Text as models stream it: a few letters at a time."""
    for start in range(0, len(text), 4):
        yield text[start : start + 4]


def _chunk(handler: Any, event: str) -> None:
    data = event.encode()
    handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    handler.wfile.flush()
