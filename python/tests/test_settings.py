"""Environment over decorator over default, and no value is ever guessed."""

import logging
import re
from typing import Any

import pytest

from mesh.asking.overrides import LlmOverrides
from mesh.declaring.catalogue import AgentDeclaration
from mesh.declaring.location import Location
from mesh.serving.environment import SettingError
from mesh.serving.settings import Address, resolve
from mesh.tracing.publishing import TraceSettings

DECLARED = AgentDeclaration(
    name="declared",
    version="2.0.0",
    http_host="declared.example",
    http_port=1234,
    enable_http=True,
    namespace="blue",
    heartbeat_interval=9,
    health_check_ttl=33,
    auto_run=False,
)


NO_OVERRIDES = (LlmOverrides(), LlmOverrides())
SECURE = Address("a", 443, "https")


@pytest.mark.parametrize(
    ("variable", "value", "field", "wins", "declared", "default"),
    [
        ("MCP_MESH_AGENT_VERSION", "3", "version", "3", "2.0.0", "1.0.0"),
        ("MCP_MESH_HTTP_HOST", "h", "http_host", "h", "declared.example", None),
        ("MCP_MESH_HTTP_PORT", "80", "http_port", 80, 1234, 0),
        ("MCP_MESH_HTTP_ENABLED", "no", "http_enabled", False, True, True),
        ("MCP_MESH_NAMESPACE", "red", "namespace", "red", "blue", "default"),
        ("MCP_MESH_HEALTH_INTERVAL", "2", "heartbeat_interval", 2, 9, 5),
        ("MCP_MESH_HEALTH_CHECK_TTL", "4", "health_check_ttl", 4, 33, 15),
        ("MCP_MESH_AUTO_RUN", "YES", "auto_run", True, False, True),
        ("HOST", "::1", "bind_host", "::1", "0.0.0.0", "0.0.0.0"),
        ("MCP_MESH_REGISTRY_URL", "http://r:1", "registry_url", "http://r:1", None, None),
        ("MCP_MESH_STANDALONE", "on", "standalone", True, False, False),
        ("MCP_MESH_TOOL_ISOLATION", "Off", "tool_isolation", False, True, True),
        ("MCP_MESH_TOOL_WORKERS", "4", "tool_workers", 4, 1, 1),
        ("MCP_MESH_SETTLE_TIMEOUT", "1.5", "settle_timeout", 1.5, 20.0, 20.0),
        ("MCP_MESH_CALL_TIMEOUT", "2.5", "call_timeout", 3, 300, 300),
        ("MCP_MESH_CALL_TIMEOUT", "0.1", "call_timeout", 1, 300, 300),
        ("MCP_MESH_LOG_LEVEL", "warn", "log_level", logging.WARNING, None, logging.INFO),
        ("MCP_MESH_DEBUG_MODE", "1", "log_level", logging.DEBUG, None, logging.INFO),
        ("MCP_MESH_PROPAGATE_HEADERS", "X-A, x-b*", "propagate_headers", ("x-a", "x-b*"), (), ()),
        ("MCP_MESH_HTTP_ENDPOINT", "http://a:1", "http_endpoint", Address("a", 1), None, None),
        ("MCP_MESH_HTTP_ENDPOINT", "http://a/", "http_endpoint", Address("a", 80), None, None),
        ("MCP_MESH_HTTP_ENDPOINT", "https://a", "http_endpoint", SECURE, None, None),
        ("MESH_LLM_MODEL", "m", "llm", LlmOverrides(model="m"), *NO_OVERRIDES),
        ("MESH_LLM_MAX_ITERATIONS", "7", "llm", LlmOverrides(max_iterations=7), *NO_OVERRIDES),
        ("MESH_LLM_FILTER_MODE", "*", "llm", LlmOverrides(filter_mode="*"), *NO_OVERRIDES),
    ],
)
def test_precedence(
    variable: str, value: str, field: str, wins: Any, declared: Any, default: Any
) -> None:
    assert getattr(resolve({variable: value}, DECLARED), field) == wins
    if declared is not None:
        assert getattr(resolve({variable: ""}, DECLARED), field) == declared, "empty is unset"
    if default is not None:
        assert getattr(resolve({}, None), field) == default


def test_names_and_ids() -> None:
    named = resolve({}, DECLARED)
    assert named.name == "declared"
    assert re.fullmatch(r"declared-[0-9a-f]{8}", named.agent_id)
    renamed = resolve({"MCP_MESH_AGENT_NAME": "other"}, DECLARED)
    assert (renamed.name, renamed.agent_id[:6]) == ("other", "other-")
    assert resolve({"MCP_MESH_AGENT_ID": "me"}, DECLARED).agent_id == "me"
    unnamed = resolve({}, None)
    assert unnamed.name == unnamed.agent_id
    assert re.fullmatch(r"agent-[0-9a-f]{8}", unnamed.agent_id)
    assert resolve({"MCP_MESH_VERSION": "7"}, None).version == "7"
    assert resolve({"MCP_MESH_VERSION": "7"}, DECLARED).version == "2.0.0"


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("MCP_MESH_HTTP_PORT", "abc", "a whole number from 0 to 65535"),
        ("MCP_MESH_HTTP_PORT", "65536", "a whole number from 0 to 65535"),
        ("MCP_MESH_HEALTH_INTERVAL", "abc", "a whole number of at least 1"),
        ("MCP_MESH_HEALTH_INTERVAL", "0", "a whole number of at least 1"),
        ("MCP_MESH_HEALTH_CHECK_TTL", "1.5", "a whole number of at least 1"),
        ("MCP_MESH_SETTLE_TIMEOUT", "soon", "a number of seconds, 0 or more"),
        ("MCP_MESH_SETTLE_TIMEOUT", "nan", "a number of seconds, 0 or more"),
        ("MCP_MESH_CALL_TIMEOUT", "-1", "a number of seconds, 0 or more"),
        ("MCP_MESH_REGISTRY_URL", "localhost:8000", "a URL such as http://localhost:8000"),
        ("MCP_MESH_HTTP_ENDPOINT", "a:1", "a URL such as"),
        ("MCP_MESH_LOG_LEVEL", "loud", "one of TRACE, DEBUG, INFO"),
        ("MCP_MESH_PROPAGATE_HEADERS", "*", "header names separated by commas"),
        ("MCP_MESH_TRACE_STREAM_MAXLEN", "many", "a whole number of at least 0"),
        ("MCP_MESH_TRACE_STREAM_MAXLEN", "-1", "a whole number of at least 0"),
        ("MCP_MESH_TLS_MODE", "on", "'off', 'auto' or 'strict'"),
        ("MCP_MESH_AGENT_NAME", "My Agent", "lower-case letters, digits and hyphens"),
        ("MCP_MESH_AGENT_NAME", "a" * 64, "no longer than 63 characters"),
        ("MCP_MESH_AGENT_ID", "my_agent", "lower-case letters, digits and hyphens"),
        ("MESH_LLM_MAX_ITERATIONS", "0", "a whole number of at least 1"),
        ("MESH_LLM_FILTER_MODE", "best", "one of all, best_match, *"),
        ("MCP_MESH_NAMESPACE", "-x", "a letter or digit at either end"),
        ("MCP_MESH_AUTO_RUN_INTERVAL", "0", "a whole number of at least 1"),
        ("MCP_MESH_DEBOUNCE_DELAY", "soon", "a number of seconds, 0 or more"),
        ("MCP_MESH_SERVER_STARTUP_TIMEOUT", "-1", "a number of seconds, 0 or more"),
        ("MCP_MESH_JOBPROXY_CACHE_MAX", "0", "a whole number of at least 1"),
        ("MCP_MESH_TOOL_ISOLATION", "maybe", "'true' or 'false'"),
        ("MCP_MESH_TOOL_WORKERS", "0", "a whole number from 1 to 64"),
        ("MCP_MESH_TOOL_WORKERS", "two", "a whole number from 1 to 64"),
    ],
)
def test_defect_20_a_value_that_cannot_be_read_is_refused(
    variable: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingError, match=re.escape(f"{variable} is {value!r}; it must be ")) as e:
        resolve({variable: value}, DECLARED)
    assert allowed in str(e.value)


@pytest.mark.parametrize("name", ["My Agent", "my_agent", "agent-", "ünï", "a\n"])
def test_a_declared_name_that_no_registry_accepts_is_refused(name: str) -> None:
    message = re.escape(f"name in @mesh.agent is {name!r}; it must be lower-case letters, digits")
    with pytest.raises(SettingError, match=message):
        resolve({}, AgentDeclaration(name=name))
    assert resolve({"MCP_MESH_AGENT_NAME": "fine"}, AgentDeclaration(name=name)).name == "fine"
    with pytest.raises(SettingError, match=re.escape("namespace in @mesh.agent is 'Blue'")):
        resolve({}, AgentDeclaration(name="fine", namespace="Blue"))
    with pytest.raises(SettingError, match=r"^name in @mesh\.agent at main\.py:7 is "):
        resolve({}, AgentDeclaration(name=name, location=Location("main.py", 7)))


def test_tracing_is_off_unless_it_is_switched_on() -> None:
    on = {"MCP_MESH_DISTRIBUTED_TRACING_ENABLED": "true"}
    assert resolve({}, DECLARED).tracing is None
    assert resolve({"REDIS_URL": "what the program's own client reads"}, DECLARED).tracing is None
    assert resolve(on | {"MCP_MESH_TELEMETRY_ENABLED": "false"}, DECLARED).tracing is None
    assert resolve(on, DECLARED).tracing == TraceSettings("redis://localhost:6379", 100_000)
    other = {"REDIS_URL": "redis://:secret@cache:1/2", "MCP_MESH_TRACE_STREAM_MAXLEN": "0"}
    assert resolve(on | other, DECLARED).tracing == TraceSettings(other["REDIS_URL"], 0)
    silent = on | {"MCP_MESH_REDIS_TRACE_PUBLISHING": "no"}
    assert resolve(silent, DECLARED).tracing == TraceSettings(None, 100_000)


@pytest.mark.parametrize("url", ["rediss://cache", "unix:/run/redis.sock", "redis://[::1]:1/0"])
def test_every_kind_of_redis_url_is_taken(url: str) -> None:
    environ = {"MCP_MESH_DISTRIBUTED_TRACING_ENABLED": "1", "REDIS_URL": url}
    assert resolve(environ, DECLARED).tracing == TraceSettings(url, 100_000)


@pytest.mark.parametrize("url", ["cache:6379", "http://cache", "redis://", "redis://a:b"])
def test_defect_20_a_redis_that_cannot_be_reached_by_its_url_is_refused(url: str) -> None:
    environ = {"MCP_MESH_DISTRIBUTED_TRACING_ENABLED": "1", "REDIS_URL": url}
    with pytest.raises(SettingError, match=r"REDIS_URL is .* such as redis://localhost:6379"):
        resolve(environ, DECLARED)
