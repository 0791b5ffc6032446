"""Calls through the registry: item 13 of its acceptance list."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from mesh_harness import free_port
from wire import Registry, agent, tool


class Agent(BaseHTTPRequestHandler):
    """Answers with what it was sent, or with a stream or a text that begins and never ends."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.body()
        if body in (b'"stream"', b'"text"'):
            self.send_response(200)
            kind = "text/event-stream" if body == b'"stream"' else "text/plain"
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"f\r\ndata: started\n\n\r\n")
            self.wfile.flush()
            time.sleep(4)
            self.close_connection = True
            return
        names = ("X-Trace-ID", "X-Mesh-Job-Id", "Authorization", "Content-Type")
        said = ";".join(f"{name}={self.headers.get(name, '-')}" for name in names).encode()
        self.send_response(202)
        self.send_header("X-From-Agent", "yes")
        self.send_header("Mcp-Session-Id", self.headers.get("Mcp-Session-Id", "new"))
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def body(self) -> bytes:
        """What was sent: with a length by one proxy, in chunks by the other."""
        if length := self.headers.get("Content-Length"):
            return self.rfile.read(int(length))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *arguments: object) -> None:
        """Says nothing: pytest shows what a failing test needs."""


@contextmanager
def an_agent() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def test_13_only_registered_agents_are_reached_and_only_mcp(registry: Registry) -> None:
    dead = free_port()
    registry.register(agent("dead-1", tool("dead"), port=dead))
    for path, status, text in (
        ("/proxy/127.0.0.1:1/mcp", 403, "Target host '127.0.0.1:1' is not a registered agent"),
        (f"/proxy/127.0.0.1:{dead}", 400, "Invalid target format: missing path."),
        (f"/proxy/127.0.0.1:{dead}/admin", 400, "Only /mcp/* paths are allowed for proxying"),
        (f"/proxy/127.0.0.1:{dead}/mcp", 502, "Failed to reach target agent: "),
    ):
        response = registry.post(path, {})
        assert response.status_code == status, path
        assert response.json()["error"].startswith(text), path


def test_13_headers_of_the_list_pass_and_no_others(registry: Registry) -> None:
    with an_agent() as port:
        registry.register(agent("echo-1", tool("echo"), port=port))
        response = registry.http.post(
            f"/proxy/127.0.0.1:{port}/mcp",
            json={},
            headers={"X-Trace-ID": "t", "X-Mesh-Job-Id": "j", "Authorization": "secret"},
        )
    assert response.status_code == 202
    assert response.headers["X-From-Agent"] == "yes"
    assert response.text == (
        "X-Trace-ID=t;X-Mesh-Job-Id=j;Authorization=-;Content-Type=application/json"
    )


def test_13_a_stream_passes_unbuffered_and_says_when_its_time_is_up(registry: Registry) -> None:
    with an_agent() as port:
        registry.register(agent("stream-1", tool("stream"), port=port))
        began = time.monotonic()
        with registry.http.stream(
            "POST",
            f"/proxy/127.0.0.1:{port}/mcp",
            json="stream",
            headers={"X-Mesh-Timeout": "2"},
        ) as response:
            pieces = response.iter_text()
            assert next(pieces) == "data: started\n\n"
            assert time.monotonic() - began < 1.5, "the first event did not wait for the last"
            rest = "".join(pieces)
    assert rest == "\n: mesh-proxy-timeout budget=2s\n\n"


def test_13_only_a_stream_of_events_says_so(registry: Registry) -> None:
    with an_agent() as port:
        registry.register(agent("text-1", tool("text"), port=port))
        url, limit = f"/proxy/127.0.0.1:{port}/mcp", {"X-Mesh-Timeout": "1"}
        pieces: list[str] = []
        with (
            registry.http.stream("POST", url, json="text", headers=limit) as response,
            # Cut off is what it was, and nothing that its reader would take for a part of it.
            suppress(httpx.RemoteProtocolError),
        ):
            # One by one: what came before the cut counts.
            pieces.extend(piece for piece in response.iter_text())
    assert "".join(pieces) == "data: started\n\n"


@pytest.mark.ours_only
def test_13_a_session_is_kept(registry: Registry) -> None:
    with an_agent() as port:
        registry.register(agent("session-1", tool("session"), port=port))
        url = f"/proxy/127.0.0.1:{port}/mcp"
        begun = registry.http.post(url, json={}).headers["Mcp-Session-Id"]
        kept = registry.http.post(url, json={}, headers={"Mcp-Session-Id": "s-7"})
    assert (begun, kept.headers["Mcp-Session-Id"]) == ("new", "s-7")


@pytest.mark.ours_only
def test_13_an_address_of_version_6_is_reached(registry: Registry) -> None:
    registry.register({**agent("six-1", tool("six"), port=free_port()), "http_host": "::1"})
    port = registry.agent("six-1")["endpoint"].rsplit(":", 1)[1]
    response = registry.post(f"/proxy/[::1]:{port}/mcp", {})
    assert response.status_code == 502, "known, but nobody listens"
