"""The registry keeps to its OpenAPI document, whatever schemathesis sends."""

import json
import os
import re
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from mesh_harness import ROOT
from wire import Json, Registry, agent, tool

SCHEMATHESIS = ROOT / ".venvs" / "schemathesis" / "bin" / "st"

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
WATCH = "/agents/{agent_id}/watch"

# From the protocol's samples: a canonical form and its hash.
SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"size": {"type": ["integer", "null"]}, "name": {"type": "string"}},
}
SCHEMA_HASH = "sha256:031484bee02f8268c6e28d92357f69504b67377a936b84f35db817506fba6ba1"


class Echo(BaseHTTPRequestHandler):
    """An agent's server that has an answer to everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *arguments: object) -> None:
        """Says nothing: pytest shows what a failing test needs."""


def descriptions(port: int) -> list[Json]:
    """Agents of several kinds, the first at `port`."""
    described = tool("report", outputSchemaCanonical=SCHEMA, outputSchemaHash=SCHEMA_HASH)
    wishes = [{"capability": "render"}, {"capability": "nowhere"}]
    model = tool("think", llm_filter={"filter": [{"tags": ["x"]}], "filter_mode": "all"})
    surface = {"path": "/agents/date", "skill_id": "date"}
    return [
        agent("worker-1", tool("render"), described, port=port),
        agent("asker-1", tool("ask", dependencies=wishes), model, port=9002),
        agent("dates-1", agent_type="a2a", surfaces=[surface]),
    ]


@contextmanager
def kept_alive(registry: Registry, agents: list[Json]) -> Iterator[None]:
    """Registers `agents` again and again: some requests say goodbye in their names."""
    over = threading.Event()

    def register() -> None:
        with httpx.Client(base_url=registry.mesh.url, timeout=10) as http:
            while True:
                for description in agents:
                    assert http.post("/heartbeat", json=description).status_code == 200
                if over.wait(0.5):
                    return

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(register)
        try:
            yield
        finally:
            over.set()
        done.result()


def make_jobs(registry: Registry) -> list[str]:
    """Jobs in every state."""
    ended, owned, cancelled, waiting = (registry.create_job() for _ in range(4))
    assert [registry.claim()[0]["id"] for _ in range(3)] == [ended, owned, cancelled]
    outcome = {"id": ended, "claim_epoch": 1, "status": "completed", "result": {"n": 6}}
    assert registry.batch("worker-1", outcome)["accepted"] == 1
    registry.post(f"/jobs/{owned}/events", {"type": "signal", "payload": {"n": 1}})
    registry.post(f"/jobs/{cancelled}/cancel", {"reason": "no need"})
    return [ended, owned, cancelled, waiting]


# Where a request may name what is there.
PLACES = {
    "path.job_id": "jobs",
    "path.agent_id": "agents",
    "path.hash": "hashes",
    "path.target": "targets",
    "query.capability": "capabilities",
    "query.instance_id": "agents",
    "query.types": "types",
    "body.capability": "capabilities",
    "body.instance_id": "agents",
    "body.owner_instance_id": "agents",
    "body.deltas[*].id": "jobs",
}


def configuration(known: dict[str, list[str]]) -> str:
    """Most requests name what is there; the others name anything."""
    lines = []
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines += ["[parameters]"]
    for place, name in PLACES.items():
        lines.append(f'"{place}" = {{ dictionary = "{name}", probability = 0.8 }}')
    # A read that waits does nothing but last longer; that it ends has tests of its own.
    lines += ["[[operations]]", 'include-path = "/jobs/{job_id}/events"', 'include-method = "GET"']
    lines += ['parameters = { "query.wait" = 0 }']
    return "\n".join(lines)


def schemathesis(registry: Registry, folder: Path, config: str, *options: str) -> str:
    """Lets schemathesis loose on the registry; it must find nothing."""
    folder.mkdir()
    (folder / "schemathesis.toml").write_text(config)
    command = [
        str(SCHEMATHESIS),
        "--config-file=schemathesis.toml",
        "--no-color",
        "run",
        f"{registry.mesh.url}/openapi.json",
        f"--checks={','.join(CHECKS)}",
        "--phases=examples,coverage,fuzzing",
        "--generation-deterministic",
        "--continue-on-failure",
        "--request-timeout=10",
        "--suppress-health-check=all",
        *options,
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{registry.process.text()[-4000:]}"
    return done.stdout


def statuses(registry: Registry) -> dict[tuple[str, str], set[int]]:
    """How the registry has answered, by method and route."""
    pattern = re.compile(
        r'mcp_mesh_http_requests_total{method="(\w+)",route="([^"]+)",status="(\d+)"}'
    )
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    for method, route, status in pattern.findall(registry.get("/metrics").text):
        found[method, route].add(int(status))
    return found


@contextmanager
def an_echo() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.ours_only
def test_whatever_is_sent_the_registry_keeps_to_its_document(
    registry: Registry, tmp_path: Path
) -> None:
    document = registry.get("/openapi.json").json()
    # A watch of an agent that is there is a stream without an end, so this one goes first, while
    # there is none.
    schemathesis(registry, tmp_path / "watch", "", f"--include-path={WATCH}", "--max-examples=20")

    with an_echo() as port, kept_alive(registry, descriptions(port)):
        registry.register(descriptions(port)[0])
        known = {
            "jobs": make_jobs(registry),
            "agents": ["worker-1", "asker-1", "dates-1"],
            "hashes": [SCHEMA_HASH],
            "targets": [f"127.0.0.1:{port}", f"worker-1:{port}", "127.0.0.1:1"],
            "capabilities": ["render", "report"],
            "types": ["signal", "cancelled"],
        }
        config = configuration(known)
        options = (f"--exclude-path={WATCH}", "--max-examples=20")
        said = schemathesis(registry, tmp_path / "all", config, *options)
    operations = [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path != WATCH
    ]
    assert re.search(rf"Operations:\s+{len(operations)} selected", said), said
    served = statuses(registry)
    for method, path in operations:
        beyond = served[method, path.replace("{target}/mcp", "{*target}")] - {400, 404}
        assert beyond or path == "/trace/{trace_id}", f"{method} {path} was never understood"

    assert registry.get("/health").json()["status"] == "healthy"
    registry.register(agent("late-1", tool("late")))
    assert registry.ping("late-1") == 200
    # What schemathesis cannot read to its end is what the document says, too.
    with registry.http.stream("GET", "/agents/late-1/watch") as stream:
        answers = document["paths"][WATCH]["get"]["responses"]
        assert str(stream.status_code) in answers
        assert stream.headers["content-type"] in answers[str(stream.status_code)]["content"]
        assert next(stream.iter_lines()) == "event: answer"
    registry.process.stop()
    assert registry.process.process.returncode == 0, registry.process.text()[-4000:]
    with pytest.raises(httpx.ConnectError):
        registry.get("/health")
