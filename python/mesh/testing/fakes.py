"""Fakes: what a test puts in the place of other people's agents."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from mesh.calling.streams import joined
from mesh.testing.protocol import ask, call_tool
from mesh.testing.providers import Said, ignored
from mesh.testing.results import failure_of, result_of

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from mesh.calling.headers import Inbound


class Fake:
    """Somebody who provides a capability; `calls` are the arguments that it was called with."""

    def __init__(
        self,
        name: str,
        capability: str,
        answer: Any,
        leave: Callable[[], None],
        server: FastMCP[Any] | None = None,
    ) -> None:
        self.name = name
        self.capability = capability
        # What it returns; a function is called with the arguments. May be replaced at any time.
        self.answer = answer
        # Of calls, and of the jobs of a task.
        self.calls: list[dict[str, Any]] = []
        # The headers of each call that travelled on from the caller's request.
        self.headers: list[dict[str, str]] = []
        self._leave = leave
        self._server = server

    def __repr__(self) -> str:
        return f"<Fake {self.name} of {self.capability}>"

    def leave(self) -> None:
        """Takes it out of the mesh."""
        self._leave()

    async def result(
        self, function: str, arguments: dict[str, Any], request: Inbound, said: Said = ignored
    ) -> dict[str, Any]:
        """The result of a `tools/call`, as it is on the wire."""
        from fastmcp.exceptions import ToolError

        if self._server is not None and function != self.capability:
            return await call_tool(self._server, function, arguments, said)
        self.calls.append(arguments)
        self.headers.append(dict(request.headers))
        try:
            return result_of(await self._answered(arguments, said))
        except ToolError as error:
            return failure_of(str(error))
        except Exception as error:
            # As FastMCP words it.
            return failure_of(f"Error calling tool '{function}': {error}")

    async def ask(self, method: str, params: dict[str, Any], _request: Inbound) -> dict[str, Any]:
        """The result of any other method of MCP, by its server."""
        if self._server is None:
            from fastmcp import FastMCP

            self._server = FastMCP(self.name)
        answer = await ask(self._server, method, params)
        if method == "tools/list":
            answer["tools"].append({"name": self.capability, "inputSchema": {"type": "object"}})
        return answer

    async def work(self, arguments: dict[str, Any]) -> Any:
        """What comes of a job with these arguments."""
        self.calls.append(arguments)
        return await self._answered(arguments, ignored)

    async def _answered(self, arguments: dict[str, Any], said: Said) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        if not callable(self.answer):
            return self.answer
        returned = self.answer(**arguments)
        if inspect.isasyncgen(returned):
            return await joined(self.name, _heard(returned, said))
        return await returned if inspect.isawaitable(returned) else returned


async def _heard(pieces: AsyncIterator[Any], said: Said) -> AsyncIterator[Any]:
    async for piece in pieces:
        said(piece)
        yield piece
