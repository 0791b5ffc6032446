"""Where each public name of `mesh` lives."""

from __future__ import annotations

from importlib import import_module
from typing import Any

HOMES = {
    "A2ABearer": "mesh.consuming.client",
    "A2AClient": "mesh.consuming.client",
    "A2AEvent": "mesh.consuming.tasks",
    "A2AJob": "mesh.consuming.job",
    "A2AJobCanceled": "mesh.consuming.tasks",
    "A2AJobError": "mesh.consuming.tasks",
    "A2AJobFailed": "mesh.consuming.tasks",
    "A2AResponse": "mesh.consuming.tasks",
    "A2AStream": "mesh.consuming.stream",
    "CallingJob": "mesh.calling.job_context",
    "JobNotFoundError": "mesh.working.requests",
    "JobTerminalError": "mesh.working.requests",
    "LlmMeta": "mesh.asking.meta",
    "MaxIterationsError": "mesh.thinking.errors",
    "McpMeshAgent": "mesh.types",
    "McpMeshTool": "mesh.types",
    "MediaParam": "mesh.media.param",
    "MediaResult": "mesh.media.results",
    "MediaUpload": "mesh.media.uploads",
    "MeshContextModel": "mesh.asking.contexts",
    "MeshJob": "mesh.types",
    "MeshLlmAgent": "mesh.types",
    "MeshLlmRequest": "mesh.thinking.wire",
    "MeshServiceUnavailableError": "mesh.services.facade",
    "Stream": "mesh.types",
    "StrictDIError": "mesh.declaring.signatures",
    "SupersededError": "mesh.calling.superseded",
    "ToolExecutionError": "mesh.thinking.errors",
    "TraceContext": "mesh.tracing.context",
    "__version__": "mesh._mesh",
    "a2a": "mesh.surfaces.declaring",
    "a2a_consumer": "mesh.consuming.consumer",
    "agent": "mesh.declaring.decorators",
    "calling_job": "mesh.calling.job_context",
    "create_server": "mesh.serving.create",
    "download_media": "mesh.media.results",
    "llm": "mesh.declaring.llm",
    "llm_provider": "mesh.thinking.declaration",
    "media_result": "mesh.media.results",
    "route": "mesh.declaring.routes",
    "save_upload": "mesh.media.uploads",
    "save_upload_result": "mesh.media.uploads",
    "selector": "mesh.services.views",
    "service": "mesh.services.views",
    "startup_status": "mesh.serving.embedded",
    "tool": "mesh.declaring.decorators",
    "upload_media": "mesh.media.results",
}

# Submodules that are there without being imported by name.
SUBMODULES = frozenset({"jobs", "testing", "types"})


def resolve(name: str) -> Any:
    """Imports what a public name stands for; raises `AttributeError`."""
    home = HOMES.get(name)
    if home is not None:
        return getattr(import_module(home), name)
    if name in SUBMODULES:
        return import_module(f"mesh.{name}")
    raise AttributeError(f"module 'mesh' has no attribute {name!r}")
