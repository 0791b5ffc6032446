"""Every variable that the package reads: what cannot be read is one clear error that names it."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import mesh
from mesh.serving.environment import SettingError
from mesh.serving.gateway_settings import public_url_prefix

SOURCES = Path(mesh.__file__).parent
REFERENCE = Path(__file__).parents[2] / "docs/reference/environment.md"
NAME = re.compile(r'"((?:MCP_MESH|MESH_LLM)_[A-Z0-9_]+|REDIS_URL|HOST|POD_IP)"')

NUMBER = ("", "abc", "0", "-1", "1.5", "1e3")[1:]
SECONDS = ("soon", "-1", "nan", "inf", "1s")
URL = ("localhost:8000", "ftp://x", "http://", "http://x:port", "http://x:99999", "http://[::1")
NAMES = ("My Agent", "my_agent", "-x", "a" * 64)

WRONG: dict[str, tuple[str, ...]] = {
    "MCP_MESH_AGENT_ID": ("My Agent", "my_agent", "-x", "a" * 254),
    "MCP_MESH_AGENT_NAME": NAMES,
    "MCP_MESH_AUTO_RUN_INTERVAL": NUMBER,
    "MCP_MESH_CALL_TIMEOUT": SECONDS,
    "MCP_MESH_DEBOUNCE_DELAY": SECONDS,
    "MCP_MESH_HEALTH_CHECK_TTL": NUMBER,
    "MCP_MESH_HEALTH_INTERVAL": NUMBER,
    "MCP_MESH_HTTP_ENDPOINT": URL,
    "MCP_MESH_HTTP_HOST": ("no such host", "http://x", "x/y", "x:1"),
    "MCP_MESH_HTTP_PORT": ("abc", "-1", "65536", "1.5"),
    "MCP_MESH_JOBPROXY_CACHE_MAX": NUMBER,
    "MCP_MESH_LOG_LEVEL": ("loud", "1"),
    "MCP_MESH_MEDIA_STORAGE": ("disk",),
    "MCP_MESH_MEDIA_STORAGE_ENDPOINT": URL,
    "MCP_MESH_MEDIA_STORAGE_PREFIX": ("/x", "../x"),
    "MCP_MESH_NAMESPACE": NAMES,
    "MCP_MESH_PROPAGATE_HEADERS": ("*", "x-*-y", "x y", "x:y"),
    "MCP_MESH_REGISTRY_URL": URL,
    "MCP_MESH_SERVER_STARTUP_TIMEOUT": SECONDS,
    "MCP_MESH_SETTLE_TIMEOUT": SECONDS,
    "MCP_MESH_TLS_MODE": ("yes", "on"),
    "MCP_MESH_TOOL_ISOLATION": ("maybe",),
    "MCP_MESH_TOOL_WORKERS": ("0", "two", "65"),
    "MCP_MESH_TRACE_STREAM_MAXLEN": ("many", "-1", "1.5"),
    "MESH_LLM_FILTER_MODE": ("best",),
    "MESH_LLM_MAX_ITERATIONS": NUMBER,
    "REDIS_URL": ("cache:6379", "http://x", "redis://", "redis://a:b"),
}
MEDIA = ("PATH", "BUCKET", "ENDPOINT", "PREFIX", "VALIDATE")
# Told when the agent cannot listen there, by web applications alone, or where a file is read.
ELSEWHERE = {"HOST", "MCP_MESH_PUBLIC_URL_PREFIX"} | {
    f"MCP_MESH_TLS_{each}" for each in ("CA", "CERT", "KEY", "PROVIDER")
}
SCRIPT = """
    import mesh

    @mesh.tool("x")
    def x() -> str:
        return "x"

    @mesh.agent(name="a")
    class A: ...
"""


@pytest.mark.parametrize("name", WRONG)
def test_a_value_that_cannot_be_read_ends_the_start(tmp_path: Path, name: str) -> None:
    script = tmp_path / "agent.py"
    script.write_text(textwrap.dedent(SCRIPT))
    kept = {key: value for key, value in os.environ.items() if not NAME.fullmatch(f'"{key}"')}
    environment = {
        **kept,
        "MCP_MESH_DISTRIBUTED_TRACING_ENABLED": "true",
        "MCP_MESH_STANDALONE": "true",
    }
    # They come up beside each other.
    started = [
        subprocess.Popen(
            [sys.executable, script],
            env={**environment, name: value},
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        for value in WRONG[name]
    ]
    for value, process in zip(WRONG[name], started, strict=True):
        try:
            errors = process.communicate(timeout=60)[1].decode()
        finally:
            process.kill()
        assert process.returncode == 1, (value, errors)
        assert errors.startswith(f"mesh: {name} is {value!r}; it must be "), errors
        assert errors.count("\n") == 1, errors


def test_an_address_to_listen_at_that_is_none_is_named(tmp_path: Path) -> None:
    script = tmp_path / "agent.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = {**os.environ, "HOST": "no such host", "MCP_MESH_STANDALONE": "true"}
    ended = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert re.fullmatch(rb"mesh: cannot listen on no such host.*; set HOST to .*\n", ended.stderr)


@pytest.mark.parametrize("value", ["agents.example", "ftp://x", "http://x:port", "http://"])
def test_a_public_url_that_is_none_is_named(value: str) -> None:
    name = "MCP_MESH_PUBLIC_URL_PREFIX"
    with pytest.raises(SettingError, match=f"{name} is '{value}'; it must be a URL such as"):
        public_url_prefix({name: value})


# Of these any value is one: texts, and words that are true or anything else.
TEXTS = {
    "MCP_MESH_A2A_NAME",
    "MCP_MESH_AGENT_VERSION",
    "MCP_MESH_API_NAME",
    "MCP_MESH_GROUP_ID",
    "MCP_MESH_MEDIA_STORAGE_BUCKET",
    "MCP_MESH_MEDIA_STORAGE_PATH",
    "MCP_MESH_VERSION",
    "MESH_LLM_MODEL",
    "POD_IP",
}
FLAGS = {
    "MCP_MESH_AUTO_RUN",
    "MCP_MESH_DEBUG_MODE",
    "MCP_MESH_DISTRIBUTED_TRACING_ENABLED",
    "MCP_MESH_ENABLED",
    "MCP_MESH_GEMINI_NATIVE_STRUCTURED_TOOLS",
    "MCP_MESH_HTTP_ENABLED",
    "MCP_MESH_MEDIA_STORAGE_VALIDATE",
    "MCP_MESH_NATIVE_LLM",
    "MCP_MESH_REDIS_TRACE_PUBLISHING",
    "MCP_MESH_SCHEMA_STRICT",
    "MCP_MESH_STANDALONE",
    "MCP_MESH_STRICT_DI",
    "MCP_MESH_TELEMETRY_ENABLED",
}


def test_every_variable_that_is_read_is_in_a_table_and_in_the_reference() -> None:
    read = set()
    for source in SOURCES.rglob("*.py"):
        read |= set(NAME.findall(source.read_text()))
    # Parts of these names are put together.
    read |= {f"MCP_MESH_MEDIA_STORAGE_{each}" for each in MEDIA}
    assert read - {*WRONG, *TEXTS, *FLAGS, *ELSEWHERE} == set()
    documented = set(re.findall(r"^\| `(\w+)`", REFERENCE.read_text(), re.MULTILINE))
    assert read - documented == set()
