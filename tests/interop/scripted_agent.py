"""An agent whose every answer is written down here, byte for byte: what a `meshctl` makes of an
answer can then be compared with what another makes of the same one."""

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mesh_harness import wait_for
from plain_http import HTTP

JSON = "application/json"
STREAM = "text/event-stream"

RESULT = (
    # Spelled so that whoever parses and writes it anew gives himself away.
    r'{"content":[{"type":"text","text":"caf\u00e9 \/ \"tea\""}],'
    r'"structuredContent":{"z":1.50,"a":1e2,"origin":"SFO","none":null,"list":[],"object":{}},'
    r'"isError":false}'
)
FAILED = '{"content":[{"type":"text","text":"no seats left"}],"isError":true}'
NOTICE = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'


def answer(result: str) -> str:
    return f'{{"jsonrpc":"2.0","id":1,"result":{result}}}'


def refusal(code: int, message: str, data: Any = None) -> str:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": error})


def events(*frames: str) -> str:
    return "".join(f"event: message\ndata: {frame}\n\n" for frame in frames)


# What each tool answers: status, type of content, body.
ANSWERS: dict[str, tuple[int, str, str]] = {
    "spelled": (200, JSON, answer(RESULT)),
    "failing": (200, JSON, answer(FAILED)),
    "refused": (200, JSON, refusal(-32602, "Invalid params")),
    "refused_with_data": (200, JSON, refusal(-32000, "Booking failed", {"seat": "12A"})),
    "streamed": (200, STREAM, events(answer(RESULT))),
    "told": (200, STREAM, ": keepalive\n\n" + events(NOTICE, answer(RESULT))),
    "refused_in_stream": (200, STREAM, events(NOTICE, refusal(-32603, "Internal error"))),
    "cut": (200, STREAM, ": keepalive\n\n" + events(NOTICE)),
    "cut_in_frame": (200, STREAM, 'event: message\ndata: {"jsonrpc":"2.0","id":1,"resu'),
    "late": (200, STREAM, ": mesh-proxy-timeout\n\n"),
    "unlabelled_stream": (200, "text/plain", events(answer(RESULT))),
    "prose": (200, "text/plain", "there is nothing to see here\n"),
    "broken": (500, "text/plain", "the kettle exploded"),
    "forbidden": (403, JSON, '{"detail":"not for you"}'),
}
# What it says of its tools when it is asked itself.
LISTED = ("book", "echo")
SCHEMA = '{"type":"object","properties":{"from":{"type":"string"}},"required":["from"]}'


class Handler(BaseHTTPRequestHandler):
    """MCP over HTTP, as far as one request without a session goes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """There is nothing else here."""
        self.say(404, "text/plain", "404 page not found")

    do_DELETE = do_GET  # noqa: N815

    def do_POST(self) -> None:
        body = self.body()
        if not self.path.endswith("/mcp"):
            return self.do_GET()
        request = json.loads(body)
        if request["method"] == "tools/list":
            tools = ",".join(f'{{"name":"{tool}","inputSchema":{SCHEMA}}}' for tool in LISTED)
            return self.say(200, JSON, answer(f'{{"tools":[{tools}]}}'))
        tool = request["params"]["name"]
        if tool == "echo":
            headers = {
                name.lower(): value
                for name, value in self.headers.items()
                if name.lower() in {"accept", "content-type", "x-mesh-timeout"}
                or name.lower().startswith("x-said")
            }
            seen = {"headers": dict(sorted(headers.items())), "request": request}
            return self.say(200, JSON, answer(json.dumps({"structuredContent": seen})))
        return self.say(*ANSWERS.get(tool, (200, JSON, answer(RESULT))))

    def body(self) -> bytes:
        """The whole request; the published registry passes it on in pieces."""
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def say(self, status: int, kind: str, body: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Says nothing: what was asked is in the test."""


@contextmanager
def served() -> Iterator[int]:
    """Serves the answers; the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tool(function: str, capability: str = "", **more: Any) -> dict[str, Any]:
    """A tool as a heartbeat tells of it."""
    return {
        "function_name": function,
        "capability": capability or function,
        "version": "1.0.0",
        "description": f"Answers as `{function}` does.",
        "tags": [],
        "dependencies": [],
        **more,
    }


def schema(**properties: str) -> dict[str, Any]:
    """What a tool tells of its arguments, which have these types."""
    canonical = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": sorted(properties),
    }
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    return {
        "inputSchema": canonical,
        "inputSchemaCanonical": canonical,
        "inputSchemaHash": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
    }


OLD_GUEST = schema(name="string", age="integer")
NEW_GUEST = schema(name="integer", city="string")
FLIGHTS = [
    *(tool(name) for name in [*ANSWERS, "echo"]),
    tool("book", "travel.book", tags=["cheap", "fast"], version="2.1.0"),
    tool("cancel", "travel.cancel"),
    tool("__mesh_helper", "__mesh_helper"),
]
WANTED = [
    {"capability": "travel.book", "tags": ["+cheap", ["fast", "slow"]], "version": ">=1.0"},
]


@dataclass
class ScriptedMesh:
    """Agents at a registry that are here only as their heartbeats and answers."""

    url: str
    port: int
    # What questions call by name: ids of jobs, hashes of schemas.
    names: dict[str, str] = field(default_factory=dict)

    def register(self, agent_id: str, *tools: Mapping[str, Any], **more: Any) -> None:
        document = {
            "agent_id": agent_id,
            "agent_type": "mcp_agent",
            "runtime": "python",
            "name": agent_id.rpartition("-")[0],
            "version": "1.2.3",
            "http_host": "127.0.0.1",
            "http_port": self.port,
            "namespace": "default",
            "tools": list(tools),
        }
        answered = self.post("/heartbeat", document | more)
        assert answered["status"] == "success", answered

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answered = HTTP.post(f"{self.url}{path}", json=dict(body), timeout=5)
        assert answered.is_success, answered.text
        found: dict[str, Any] = answered.json()
        return found

    def leave(self, agent_id: str) -> None:
        assert HTTP.delete(f"{self.url}/agents/{agent_id}", timeout=5).status_code == 204

    def settle(self) -> None:
        """Tells the whole story: who comes, who goes, who is chosen instead, who comes back."""
        self.register("hotels-0000c000", tool("book", "rooms", **OLD_GUEST))
        came = int(time.time())
        self.register("gone-0000dddd", tool("vanished"))
        self.register("flights-0000bbbb", tool("reserve", "travel.book", tags=["fast"]))
        self.leave("hotels-0000c000")
        self.leave("gone-0000dddd")
        self.register("flights-0000aaaa", *FLIGHTS)
        self.decide(1)
        self.leave("flights-0000aaaa")
        self.decide(2)
        self.register("flights-0000aaaa", *FLIGHTS)
        self.decide(3)
        # The published one tells the newer of two only by whole seconds.
        wait_for("another second", lambda: int(time.time()) > came)
        guests = [tool("book", "rooms", **OLD_GUEST), tool("other", "rooms2", **NEW_GUEST)]
        self.register("hotels-0000cccc", *guests)
        route = tool("route", "", dependencies=[{"capability": "rooms"}])
        self.register("gateway-0000ffff", route, agent_type="api", runtime="typescript")
        self.names |= {
            "OLD": OLD_GUEST["inputSchemaHash"],
            "NEW": NEW_GUEST["inputSchemaHash"],
            "PORT": str(self.port),
            "URL": self.url,
        }
        self.names["CANCELLED"] = self.submit("other", max_retries=1)
        self.post(f"/jobs/{self.names['CANCELLED']}/cancel", {"reason": "enough"})
        self.claim()
        self.report(status="completed", result={"seat": "12A"})
        self.names["DONE"] = self.names["JOB"]
        self.claim()

    def decide(self, decisions: int) -> None:
        """Has the consumer's dependencies decided, until so many decisions are written down."""
        wanted = [*WANTED, {"capability": "nothing"}]

        def written() -> bool:
            self.register("planner-0000eeee", tool("plan", dependencies=wanted))
            query = {"agent_id": "planner-0000eeee", "limit": "50"}
            answered = HTTP.get(f"{self.url}/events", params=query, timeout=5).json()
            kinds = [event["event_type"] for event in answered["events"] or []]
            return kinds.count("dependency_resolved") >= decisions

        wait_for(f"decision {decisions}", written, seconds=10)

    def submit(self, capability: str, **more: Any) -> str:
        job = {"capability": capability, "submitted_by": "planner-0000eeee"}
        return str(self.post("/jobs", job | {"submitted_payload": {"seats": 2}} | more)["id"])

    # What a question may ask to be done before it is asked.

    def claim(self) -> None:
        """One job that is being worked on."""
        self.finish_all()
        # Nobody else's turn: whatever waits for a capability comes first.
        booking = f"booking-{uuid.uuid4()}"
        self.names["JOB"] = self.submit(booking, max_retries=2)
        owner = {"capability": booking, "instance_id": "flights-0000aaaa"}
        assert self.post("/jobs/claim", owner)["claimed"], owner
        cursor = {"": 7, "seat": 2}
        self.report(progress=0.25, progress_message="quarter", recv_cursor=cursor)

    def drain(self) -> None:
        """A registry that hands out no jobs."""
        self.post("/admin/drain", {})

    def resume(self) -> None:
        """A registry that does."""
        assert HTTP.delete(f"{self.url}/admin/drain", timeout=5).is_success

    def finish_all(self) -> None:
        """No job is left that somebody works on."""
        self.resume()
        for job in HTTP.get(f"{self.url}/jobs?status=working", timeout=5).json()["jobs"]:
            self.post(f"/jobs/{job['id']}/cancel", {"reason": "enough"})

    def report(self, **delta: Any) -> None:
        told = {"id": self.names["JOB"], "claim_epoch": 1} | delta
        answered = self.post("/jobs/batch", {"instance_id": "flights-0000aaaa", "deltas": [told]})
        assert answered["accepted"] == 1, answered
