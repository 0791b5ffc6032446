"""Which event loop an `async def` tool runs in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from mesh.calling.streams import closing, pieces_of
from mesh.looping.carrying import carried
from mesh.looping.crossing import cross, cross_stream
from mesh.looping.kinds import is_ours, may_only_block
from mesh.looping.turning import Turning
from mesh.looping.workers import Pool, Worker

if TYPE_CHECKING:
    from mesh.looping.watchdog import Watchdog


class Loops:
    """The loops of one agent: the program's, or several others that share the calls, and threads
    for tools that would only block one."""

    def __init__(self, watchdog: Watchdog, *, is_isolated: bool, workers: int) -> None:
        # The program's own loop.
        self.program = watchdog.watched(asyncio.get_running_loop(), "the event loop")
        self._pool = Pool() if is_isolated else None
        # Whether functions run in threads.
        self._known: dict[Callable[..., Any], bool] = {}
        self._workers = [
            Worker(f"mesh-loop-{number}")
            for number in range(1, workers + 1)
            if is_isolated and workers > 1
        ]
        self._places = [
            watchdog.watched(each.loop, f"the event loop {each.name}", each.thread)
            for each in self._workers
        ]
        self._lock = threading.Lock()
        self._load = dict.fromkeys(self._places, 0)

    @property
    def are_several(self) -> bool:
        """Whether tools share other loops than the program's."""
        return bool(self._workers)

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """Calls a coroutine function where it belongs; its result is awaited."""
        if self._pool is not None and self._leaves(function):
            return self._pool.run(partial(function, *args, **kwargs))
        if self._workers and not is_ours(function):
            return self._shared(function, args, kwargs)
        return self._in(self.program, partial(function, *args, **kwargs))

    async def stream(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """The pieces of what a streaming function says, where it belongs."""
        if not self._workers or is_ours(function):
            pieces = self._pieces_in(self.program, partial(function, *args, **kwargs))
            async with closing(pieces):
                async for piece in pieces:
                    yield piece
            return
        with self._least_busy() as place:
            begin = carried(function, args, kwargs)
            pieces = self._pieces_in(place, begin)
            async with closing(pieces):
                async for piece in pieces:
                    yield piece

    def close(self, seconds: float) -> None:
        """Ends the threads; one that is blocked is left behind."""
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join(seconds / len(self._workers))
        if self._pool is not None:
            self._pool.close(seconds)

    def _leaves(self, function: Callable[..., Any]) -> bool:
        leaves = self._known.get(function)
        if leaves is None:
            # Asked at the first call: the lifespan of the program has made its objects by now.
            leaves = self._known[function] = may_only_block(function)
        return leaves

    async def _shared(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        with self._least_busy() as place:
            return await self._in(place, carried(function, args, kwargs))

    @contextmanager
    def _least_busy(self) -> Iterator[Turning]:
        """A loop for one call, which counts as that loop's from now on: it may be blocked, and not
        have come to calls that it has been given. One that does not turn is the last choice."""
        with self._lock:
            place = min(self._places, key=self._reluctance)
            self._load[place] += 1
        try:
            yield place
        finally:
            with self._lock:
                self._load[place] -= 1

    def _reluctance(self, place: Turning) -> tuple[bool, bool, int]:
        return place.loop.is_closed(), place.missed > 0, self._load[place]

    async def _in(self, place: Turning, begin: Callable[[], Awaitable[Any]]) -> Any:
        if asyncio.get_running_loop() is place.loop:
            with place:
                return await begin()
        return await cross(place.loop, partial(self._in, place, begin))

    async def _pieces_in(self, place: Turning, begin: Callable[[], Any]) -> AsyncIterator[Any]:
        if asyncio.get_running_loop() is place.loop:
            with place:
                pieces = pieces_of(begin())
                async with closing(pieces):
                    async for piece in pieces:
                        yield piece
            return
        distant = cross_stream(place.loop, partial(self._pieces_in, place, begin))
        async with closing(distant):
            async for piece in distant:
                yield piece
