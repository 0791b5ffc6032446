"""Settings of a web application as an agent: named by its title rather than by `@mesh.agent`."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

from mesh.serving.environment import Environ, read_text, read_url
from mesh.serving.settings import MAX_AGENT_ID, MAX_LABEL, Settings, check_name, resolve

# Names of the process, which for other agents would have to be plain.
NAMES = ("MCP_MESH_AGENT_NAME", "MCP_MESH_AGENT_ID")


def api_settings(environ: Environ, title: str) -> Settings:
    """For an application with routes; raises `SettingError`."""
    named = _first(environ, "MCP_MESH_API_NAME", "MCP_MESH_AGENT_NAME")
    return _named(environ, title, _with_word(slug(named or ""), "api"))


def a2a_settings(environ: Environ, title: str) -> Settings:
    """For an application with skills; raises `SettingError`."""
    named = _first(environ, "MCP_MESH_A2A_NAME", "MCP_MESH_AGENT_NAME")
    return _named(environ, title, _with_word(slug(named or title), "a2a"))


def public_url_prefix(environ: Environ) -> str | None:
    """What stands before the paths of skills for others, where a proxy stands in between."""
    name, schemes = "MCP_MESH_PUBLIC_URL_PREFIX", ("http", "https")
    value = read_url(environ, name, "https://agents.example", schemes)
    return None if value is None else value.rstrip("/")


def slug(text: str) -> str:
    """A title as a name that registries accept; empty when nothing of it is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:MAX_LABEL].strip("-")


def _first(environ: Environ, *names: str) -> str | None:
    return next((value for name in names if (value := read_text(environ, name))), None)


def _with_word(prefix: str, word: str) -> str:
    if not prefix:
        return word
    return prefix if word in prefix else f"{prefix}-{word}"


def _named(environ: Environ, title: str, prefix: str) -> Settings:
    settings = resolve({key: environ[key] for key in environ if key not in NAMES}, None)
    agent_id = read_text(environ, "MCP_MESH_AGENT_ID") or f"{prefix}-{uuid.uuid4().hex[:8]}"
    check_name("MCP_MESH_AGENT_ID", agent_id, MAX_AGENT_ID)
    return replace(settings, agent_id=agent_id, name=slug(title) or prefix)
