"""The types that agents annotate their parameters with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from mesh.asking.mesh_llm_agent import MeshLlmAgent
from mesh.working.mesh_job import MeshJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mesh.asking.contexts import MeshContextModel
    from mesh.asking.meta import LlmMeta

__all__ = [
    "LlmMeta",
    "McpMeshAgent",
    "McpMeshTool",
    "MeshContextModel",
    "MeshJob",
    "MeshLlmAgent",
    "Stream",
]

T = TypeVar("T")

# What a tool or a route returns that hands its text out piece by piece: `-> mesh.Stream[str]`, on
# an async generator or on a coroutine function that returns one. Text is the only item there is.
Stream: TypeAlias = AsyncIterator[T]

# Methods of releases up to 3.8 that are still to come.
PLANNED = frozenset(
    {
        "call_tool_streaming",
        "call_with_session",
        "close_session",
        "create_session",
        "get_prompt",
        "list_prompts",
        "list_resources",
        "list_tools",
        "read_resource",
        "stream",
    }
)


class McpMeshTool(ABC):
    """A function of another agent, injected where a parameter has this type.

    In an `async def` tool every method is awaited; in a `def` tool the same methods block and
    return the result itself. A failure of the remote tool raises `RuntimeError`.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(
        self,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        headers: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Calls the function, with keywords, with one dictionary, or with both.

        `headers` are sent as far as `MCP_MESH_PROPAGATE_HEADERS` allows their names.
        """

    @abstractmethod
    def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Calls another function of the same agent, by its MCP name."""

    def __getattr__(self, name: str) -> Any:
        if name in PLANNED:
            from mesh._mesh import __version__

            raise AttributeError(
                f"McpMeshTool.{name} is not part of release {__version__} yet; "
                "call the tool itself, or call_tool for another tool of the same agent"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        # FastMCP builds a schema of every parameter before `@mesh.tool`, when that one stands
        # above `@app.tool()`, can hide the injected ones.
        from pydantic_core import core_schema

        return core_schema.any_schema()


class McpMeshAgent(McpMeshTool):
    """The former name of `McpMeshTool`; deprecated."""

    __slots__ = ()


def __getattr__(name: str) -> Any:
    # These two load pydantic, or are not needed to annotate.
    if name in ("LlmMeta", "MeshContextModel"):
        from mesh._names import resolve

        return resolve(name)
    raise AttributeError(f"module 'mesh.types' has no attribute {name!r}")
