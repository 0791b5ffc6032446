"""A registry and a provider that answer as a test tells them, on ports of their own."""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """Runs a handler in threads until it is closed."""

    def __init__(
        self, handle: Callable[["Request"], None], tls: ssl.SSLContext | None = None
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Answers leave in two writes; without this, Nagle delays every second one.
            disable_nagle_algorithm = True

            def log_message(self, *_arguments: Any) -> None: ...

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length", 0))
                handle(Request(self, self.command, self.path, self.rfile.read(length)))

            do_GET = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            # Each connection shakes hands in its own thread, when it is first read from.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._server.handle_error = lambda *_of: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Request:
    """One request, and how to answer it."""

    handler: BaseHTTPRequestHandler
    method: str
    path: str
    body: bytes

    def __post_init__(self) -> None:
        # The handler reads the next request of the connection into the same place.
        self._headers = self.handler.headers

    def header(self, name: str) -> str | None:
        return self._headers.get(name)

    def json(self) -> Any:
        return json.loads(self.body)

    def answer(
        self,
        status: int,
        body: str = "",
        content_type: str = "application/json",
        location: str | None = None,
    ) -> None:
        content = body.encode()
        self.handler.send_response(status)
        if content:
            self.handler.send_header("content-type", content_type)
        if location:
            self.handler.send_header("location", location)
        if status != 204:
            self.handler.send_header("content-length", str(len(content)))
        self.handler.end_headers()
        if self.method != "HEAD":
            self.handler.wfile.write(content)


@dataclass
class FakeRegistry:
    """Answers every registration with `wiring`: by function, the providers of its slots."""

    wiring: dict[str, list[dict[str, Any] | None]] = field(default_factory=dict)
    registrations: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    changed: bool = False
    # The LLM provider, and the LLM tools, of functions.
    llm_providers: dict[str, dict[str, Any]] = field(default_factory=dict)
    llm_tools: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.server = Server(self._handle, self.tls)
        self.url = self.server.url

    def rewire(self, wiring: dict[str, list[dict[str, Any] | None]]) -> None:
        """What the next heartbeat learns."""
        self.wiring = wiring
        self.changed = True

    def _handle(self, request: Request) -> None:
        if request.method == "GET":
            request.answer(404)  # A registry of 3.8: it has no watch, and heartbeats decide.
            return
        self.log.append(f"{request.method} {request.path}")
        if request.method == "HEAD":
            request.answer(202 if self.changed else 200)
            return
        if request.method == "DELETE":
            request.answer(204)
            return
        self.changed = False
        self.registrations.append(request.json())
        resolved = {
            function: [slot or unresolved() for slot in slots]
            for function, slots in self.wiring.items()
        }
        answer = {
            "status": "success",
            "message": "Agent registered",
            "agent_id": self.registrations[-1]["agent_id"],
            "timestamp": "2026-01-01T00:00:00Z",
            "dependencies_resolved": resolved,
            "llm_providers": self.llm_providers,
            "llm_tools": self.llm_tools,
        }
        request.answer(200, json.dumps(answer))


def provider(url: str, function: str, *, agent_id: str = "provider-1") -> dict[str, Any]:
    """A wired slot."""
    return {
        "agent_id": agent_id,
        "endpoint": url,
        "function_name": function,
        "capability": function,
        "status": "available",
        "ttl": 60,
    }


def unresolved() -> dict[str, Any]:
    """A slot that nobody fills."""
    return {
        "agent_id": "",
        "endpoint": "",
        "function_name": "",
        "capability": "",
        "status": "unresolved",
        "ttl": 0,
    }


class FakeProvider:
    """An MCP server whose `tools/call` is answered by a function of the test."""

    def __init__(self, answer: Callable[[Request], None]) -> None:
        self.requests: list[Request] = []

        def handle(request: Request) -> None:
            self.requests.append(request)
            answer(request)

        self.server = Server(handle)
        self.url = self.server.url


def result(request: Request, **fields: Any) -> str:
    """A JSON-RPC answer to `request`."""
    return json.dumps({"jsonrpc": "2.0", "id": request.json()["id"], "result": fields})


def events(*messages: str) -> str:
    """An event stream of these messages."""
    return "".join(f"event: message\r\ndata: {message}\r\n\r\n" for message in messages)
