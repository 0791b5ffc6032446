"""MCP over one kept socket with nothing in between: the floor that a call is compared with."""

import json
import socket
import time
from types import TracebackType
from typing import Any, Self

LIMIT = 60.0


class RawSocket:
    """A connection to an agent that sends rendered requests and reads whole answers."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = port

    def __enter__(self) -> Self:
        """Connect when made, close when left."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the socket."""
        self._socket.close()

    def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """Call a tool; the text of its answer."""
        answer = self._exchange(self._render(tool, arguments))
        if not (event := _event(answer)):
            text = f"the agent at port {self._port} answered without saying anything"
            raise ConnectionError(text)
        message = json.loads(event)
        if "error" in message or message["result"].get("isError"):
            raise RuntimeError(json.dumps(message))
        text: str = message["result"]["content"][0]["text"]
        return text

    def time(self, tool: str, arguments: dict[str, Any], count: int) -> list[float]:
        """Seconds of each of `count` calls, answers unparsed."""
        request = self._render(tool, arguments)
        latencies = []
        for _ in range(count):
            start = time.perf_counter()
            self._exchange(request)
            latencies.append(time.perf_counter() - start)
        return latencies

    def _render(self, tool: str, arguments: dict[str, Any]) -> bytes:
        body = json.dumps(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": tool, "arguments": arguments},
            }
        ).encode()
        head = (
            f"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\n"
            "content-type: application/json\r\naccept: application/json, text/event-stream\r\n"
            f"mcp-protocol-version: 2025-06-18\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _exchange(self, request: bytes) -> bytes:
        self._socket.sendall(request)
        received = b""
        while True:
            part = self._socket.recv(65536)
            if not part:
                message = f"the agent closed the connection after {received!r}"
                raise ConnectionError(message)
            received += part
            head, found, body = received.partition(b"\r\n\r\n")
            if not found:
                continue
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(received.decode(errors="replace"))
            fields = head.lower()
            if b"transfer-encoding: chunked" in fields:
                if body.endswith(b"0\r\n\r\n"):
                    return _unchunked(body)
            else:
                length = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0])
                if len(body) >= length:
                    return body


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            break
        whole += rest[:length]
        body = rest[length + 2 :]
    return whole


def _event(answer: bytes) -> str:
    """Return the JSON of an answer that is either JSON or the last event of a stream."""
    text = answer.decode()
    data = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
    return data[-1] if data else text
