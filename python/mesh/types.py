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
    from mesh.calling.streaming import ProgressHandler
    from mesh.media.param import MediaParam
    from mesh.thinking.wire import MeshLlmRequest

__all__ = [
    "LlmMeta",
    "McpMeshAgent",
    "McpMeshTool",
    "MediaParam",
    "MeshContextModel",
    "MeshJob",
    "MeshLlmAgent",
    "MeshLlmRequest",
    "Stream",
]

T = TypeVar("T")

# What a tool or a route returns that hands its text out piece by piece: `-> mesh.Stream[str]`, on
# an async generator or on a coroutine function that returns one. Text is the only item there is.
Stream: TypeAlias = AsyncIterator[T]


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

    @abstractmethod
    def stream(
        self,
        name: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **args: Any,
    ) -> Any:
        """Calls the function, or another one of the same agent, and iterates over what it says.

        The pieces are texts; what says nothing before it ends is one piece. It is `async for` in an
        `async def` tool and `for` in a `def` tool, and needs no `await`. Leaving the loop gives the
        call up.
        """

    @abstractmethod
    def call_tool_streaming(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        progress_handler: ProgressHandler | None = None,
    ) -> Any:
        """The same with the arguments in one dictionary.

        `progress_handler(count, None, text)` is told of each piece as well, and may be async.
        """

    @abstractmethod
    def list_tools(self) -> Any:
        """The tools of the same agent, each an `mcp.types.Tool`."""

    @abstractmethod
    def list_resources(self) -> Any:
        """The resources of the same agent, each an `mcp.types.Resource`."""

    @abstractmethod
    def read_resource(self, uri: str) -> Any:
        """The contents of a resource, each `mcp.types.TextResourceContents` or `Blob…`."""

    @abstractmethod
    def list_prompts(self) -> Any:
        """The prompts of the same agent, each an `mcp.types.Prompt`."""

    @abstractmethod
    def get_prompt(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """A prompt with its arguments filled in: an `mcp.types.GetPromptResult`."""

    @abstractmethod
    def create_session(self) -> Any:
        """An id for calls that belong together."""

    @abstractmethod
    def call_with_session(self, session_id: str, **kwargs: Any) -> Any:
        """Calls the function with the header `X-Mesh-Session-ID`.

        A function that was declared with `session_required=True` gets it as its argument
        `session_id` as well.
        """

    @abstractmethod
    def close_session(self, session_id: str) -> Any:
        """Ends a session; True. Nothing is kept of one here."""

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
    # The types that a program seldom needs, or that load pydantic.
    if name in __all__:
        from mesh._names import resolve

        return resolve(name)
    raise AttributeError(f"module 'mesh.types' has no attribute {name!r}")
