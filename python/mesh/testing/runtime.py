"""What stands for the native runtime of an agent in a mesh in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from mesh.testing.providers import Said, ignored

if TYPE_CHECKING:
    from mesh._mesh import Jobs, Target
    from mesh.testing.registry import Wiring

Request = tuple[str, float, list[tuple[str, str]]]


class Wires(Protocol):
    """The mesh, as its members see it."""

    loop: asyncio.AbstractEventLoop

    def jobs(self) -> Jobs:
        """Asks the registry about jobs."""
        ...

    def deliver(
        self, target: Target, request: Request, said: Said = ignored
    ) -> Coroutine[Any, Any, Any]:
        """What a call returns."""
        ...

    def ask(self, target: Target, method: str, request: Request) -> Coroutine[Any, Any, Any]:
        """What another method of MCP results in."""
        ...


class Runtime:
    """Has the methods of `mesh._mesh.Agent` that calls use."""

    def __init__(self, wires: Wires, agent_id: str, wiring: Wiring | None) -> None:
        self._wires = wires
        self.agent_id = agent_id
        # None for who has no dependencies.
        self._wiring = wiring

    def slot(self, function: str, index: int) -> Target | None:
        """Who fills a dependency now."""
        return None if self._wiring is None else self._wiring.slot(function, index)

    def wait_slot(self, function: str, index: int) -> Target | None:
        """The same: in a test nobody is on the way."""
        return self.slot(function, index)

    def await_slot(self, function: str, index: int, future: asyncio.Future[Target | None]) -> None:
        """The same, by a future."""
        future.set_result(self.slot(function, index))

    def llm_provider(self, function: str) -> dict[str, Any] | None:
        """Who answers what a function asks an LLM."""
        return None if self._wiring is None else self._wiring.llm_provider(function)

    def wait_llm_provider(self, function: str) -> dict[str, Any] | None:
        """The same."""
        return self.llm_provider(function)

    def await_llm_provider(
        self, function: str, future: asyncio.Future[dict[str, Any] | None]
    ) -> None:
        """The same, by a future."""
        future.set_result(self.llm_provider(function))

    def llm_tools(self, function: str) -> list[dict[str, Any]]:
        """The tools that a function offers to its LLM."""
        return [] if self._wiring is None else self._wiring.llm_tools(function)

    def public_url(self, _path: str) -> str | None:
        """Nobody outside can reach a mesh in memory."""
        return None

    def call(self, target: Target, request: Request, future: asyncio.Future[Any]) -> _Handle:
        """Starts a call."""
        return _started(self._wires.deliver(target, request), future)

    def call_blocking(self, target: Target, request: Request) -> Any:
        """Calls from a thread."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pending = asyncio.run_coroutine_threadsafe(
                self._wires.deliver(target, request), self._wires.loop
            )
            return pending.result()
        raise RuntimeError(
            "a `def` tool waits for other agents and must not do that on the event loop of the "
            "test: call it as `await m.call(tool, …)`"
        )

    def stream(self, target: Target, request: Request) -> _Source:
        """Starts a call whose pieces are handed out as they come."""
        return _Source(lambda said: self._wires.deliver(target, request, said))

    def request(
        self, target: Target, method: str, request: Request, future: asyncio.Future[Any]
    ) -> _Handle:
        """Asks an agent by another method of MCP."""
        return _started(self._wires.ask(target, method, request), future)

    def jobs(self) -> Jobs:
        """Asks the registry about jobs."""
        return self._wires.jobs()

    def pending_hint(self) -> int:
        """How many jobs wait, which claims learn at once."""
        return 0


class _Source:
    """A call under way that says things before it ends."""

    def __init__(self, deliver: Callable[[Said], Coroutine[Any, Any, Any]]) -> None:
        self._pieces: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._call = asyncio.get_running_loop().create_task(
            deliver(lambda piece: self._pieces.put_nowait(("chunk", piece)))
        )
        self._call.add_done_callback(lambda _: self._pieces.put_nowait(("end", None)))

    def next(self, future: asyncio.Future[tuple[str, Any]]) -> None:
        """What it says next; at the end `end` and its result."""
        _started(self._answer(), future)

    def close(self) -> None:
        """Gives it up."""
        self._call.cancel()

    async def _answer(self) -> tuple[str, Any]:
        kind, piece = await self._pieces.get()
        return (kind, piece) if kind == "chunk" else ("end", await self._call)


class _Handle:
    """A call under way."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    def cancel(self) -> None:
        """Gives it up."""
        self._task.cancel()


def _started(work: Coroutine[Any, Any, Any], future: asyncio.Future[Any]) -> _Handle:
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(lambda done: _settle(future, done))
    return _Handle(task)


def _settle(future: asyncio.Future[Any], done: asyncio.Task[Any]) -> None:
    if done.cancelled():
        future.cancel()
    elif (error := done.exception()) is not None:
        if not future.done():
            future.set_exception(error)
    elif not future.done():
        future.set_result(done.result())
