"""Settings of a web application as an agent: named by its title rather than by `@mesh.agent`."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace

from mesh.serving.environment import Environ, read_text
from mesh.serving.settings import MAX_AGENT_ID, MAX_LABEL, Settings, check_name, resolve

# Names of the process, which for other agents would have to be plain.
NAMES = ("MCP_MESH_AGENT_NAME", "MCP_MESH_AGENT_ID")


def api_settings(environ: Environ, title: str) -> Settings:
    """For an application with routes; raises `SettingError`."""
    named = read_text(environ, "MCP_MESH_API_NAME") or read_text(environ, "MCP_MESH_AGENT_NAME")
    prefix = slug(named or "") or "api"
    if "api" not in prefix:
        prefix = f"{prefix}-api"
    return _named(environ, slug(title) or prefix, prefix)


def slug(text: str) -> str:
    """A title as a name that registries accept; empty when nothing of it is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:MAX_LABEL].strip("-")


def _named(environ: Environ, name: str, prefix: str) -> Settings:
    settings = resolve({key: environ[key] for key in environ if key not in NAMES}, None)
    agent_id = read_text(environ, "MCP_MESH_AGENT_ID") or f"{prefix}-{uuid.uuid4().hex[:8]}"
    check_name("MCP_MESH_AGENT_ID", agent_id, MAX_AGENT_ID)
    return replace(settings, agent_id=agent_id, name=name)
