"""MCP Mesh: functions of agents that find and call each other.

`@mesh.agent` and `@mesh.tool` declare; `mesh.McpMeshTool` marks what is injected. Importing this
package has no side effects and loads neither FastMCP nor pydantic.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesh import jobs, testing
    from mesh._mesh import __version__
    from mesh.asking.contexts import MeshContextModel
    from mesh.asking.meta import LlmMeta
    from mesh.calling.job_context import CallingJob, calling_job
    from mesh.calling.superseded import SupersededError
    from mesh.consuming.client import A2ABearer, A2AClient
    from mesh.consuming.consumer import a2a_consumer
    from mesh.consuming.job import A2AJob
    from mesh.consuming.stream import A2AStream
    from mesh.consuming.tasks import (
        A2AEvent,
        A2AJobCanceled,
        A2AJobError,
        A2AJobFailed,
        A2AResponse,
    )
    from mesh.declaring.decorators import agent, tool
    from mesh.declaring.llm import llm
    from mesh.declaring.routes import route
    from mesh.declaring.signatures import StrictDIError
    from mesh.media.param import MediaParam
    from mesh.media.results import MediaResult, download_media, media_result, upload_media
    from mesh.media.uploads import MediaUpload, save_upload, save_upload_result
    from mesh.services.facade import MeshServiceUnavailableError
    from mesh.services.views import selector, service
    from mesh.serving.create import create_server
    from mesh.serving.embedded import startup_status
    from mesh.surfaces.declaring import a2a
    from mesh.thinking.declaration import llm_provider
    from mesh.thinking.errors import MaxIterationsError, ToolExecutionError
    from mesh.thinking.wire import MeshLlmRequest
    from mesh.tracing.context import TraceContext
    from mesh.types import McpMeshAgent, McpMeshTool, MeshJob, MeshLlmAgent, Stream
    from mesh.working.requests import JobNotFoundError, JobTerminalError

__all__ = [
    "A2ABearer",
    "A2AClient",
    "A2AEvent",
    "A2AJob",
    "A2AJobCanceled",
    "A2AJobError",
    "A2AJobFailed",
    "A2AResponse",
    "A2AStream",
    "CallingJob",
    "JobNotFoundError",
    "JobTerminalError",
    "LlmMeta",
    "MaxIterationsError",
    "McpMeshAgent",
    "McpMeshTool",
    "MediaParam",
    "MediaResult",
    "MediaUpload",
    "MeshContextModel",
    "MeshJob",
    "MeshLlmAgent",
    "MeshLlmRequest",
    "MeshServiceUnavailableError",
    "Stream",
    "StrictDIError",
    "SupersededError",
    "ToolExecutionError",
    "TraceContext",
    "__version__",
    "a2a",
    "a2a_consumer",
    "agent",
    "calling_job",
    "create_server",
    "download_media",
    "jobs",
    "llm",
    "llm_provider",
    "media_result",
    "route",
    "save_upload",
    "save_upload_result",
    "selector",
    "service",
    "startup_status",
    "testing",
    "tool",
    "upload_media",
]


def __getattr__(name: str) -> Any:
    from mesh._names import resolve

    value = resolve(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
