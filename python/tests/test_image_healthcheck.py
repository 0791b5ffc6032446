"""The health check of the container images, run as an image runs it."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from mesh.serving.environment import TRUE_WORDS

SCRIPT = Path(__file__).parents[2] / "packaging/docker/healthcheck.py"


@contextmanager
def serving(status: int, body: str) -> Iterator[int]:
    """A server that answers everything with the same, at the port that is given."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 500)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def check(**environ: str) -> tuple[int, str]:
    """Exit status and text of the check."""
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT], env=environ, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 1
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def healthcheck() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthcheck", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_agent_is_asked_at_its_port() -> None:
    well = json.dumps({"status": "healthy", "agent": "greeter"})
    with serving(200, well) as port:
        assert check(MCP_MESH_HTTP_PORT=str(port)) == (0, "")


def test_what_an_unwell_agent_says_is_passed_on() -> None:
    unwell = json.dumps({"status": "degraded", "agent": "greeter", "errors": ["no database"]})
    with serving(503, unwell) as port:
        code, said = check(MCP_MESH_HTTP_PORT=str(port))
    assert code == 1
    assert "answers 503" in said and "no database" in said


@pytest.mark.parametrize("body", ["<html>", "[1]", "7", '{"status": "healthy"}'])
def test_another_server_is_no_agent(body: str) -> None:
    with serving(200, body) as port:
        code, said = check(MCP_MESH_HTTP_PORT=str(port))
    assert (code, said) == (1, f"no agent answers /health on port {port}\n")


def test_nobody_at_the_port_is_no_agent() -> None:
    with serving(200, "") as port:
        pass
    code, said = check(MCP_MESH_HTTP_PORT=str(port))
    assert (code, said) == (1, f"no agent answers /health on port {port}\n")


def test_an_agent_without_http_is_not_asked(healthcheck: ModuleType) -> None:
    with serving(503, "") as port:
        for word, code in (("false", 0), ("", 1), (" TRUE ", 1)):
            environ = {"MCP_MESH_HTTP_ENABLED": word, "MCP_MESH_HTTP_PORT": str(port)}
            assert check(**environ)[0] == code, word
    assert healthcheck.TRUE_WORDS == TRUE_WORDS


@pytest.mark.skipif(sys.platform != "linux", reason="images are Linux")
def test_a_port_that_nobody_named_is_found(healthcheck: ModuleType) -> None:
    with serving(200, "{}") as port:
        assert port in healthcheck.listening()
    assert port not in healthcheck.listening()


def test_the_images_run_this_file() -> None:
    dockerfile = (SCRIPT.parent / "python-runtime.Dockerfile").read_text()
    assert f"COPY --chmod=644 {SCRIPT.name} " in dockerfile
    assert os.access(SCRIPT, os.R_OK)
