"""Which event loop an `async def` tool runs in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from mesh.looping.crossing import Crossing
from mesh.looping.kinds import may_only_block
from mesh.looping.turning import Turning
from mesh.looping.workers import Pool, Worker

if TYPE_CHECKING:
    from mesh.looping.watchdog import Watchdog


class Loops:
    """The loops of one agent: the program's, or several others that share the calls, and threads
    for tools that would only block one."""

    def __init__(self, watchdog: Watchdog, *, is_isolated: bool, workers: int) -> None:
        self._places = [watchdog.watched(asyncio.get_running_loop())]
        self._pool = Pool() if is_isolated else None
        # Which functions run in threads.
        self._leaves: dict[Callable[..., Any], bool] = {}
        self._workers = [
            Worker(f"mesh-loop-{number}")
            for number in range(1, workers + 1)
            if is_isolated and workers > 1
        ]
        if self._workers:
            self._places = [watchdog.watched(each.loop, each.thread) for each in self._workers]
        self._lock = threading.Lock()
        self._load = dict.fromkeys(self._places, 0)

    def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """Calls a coroutine function where it belongs; its result is awaited."""
        begin = partial(function, *args, **kwargs)
        if self._pool is None:
            return self._in(self._places[0], begin)
        leaves = self._leaves.get(function)
        if leaves is None:
            # Asked at the first call: the lifespan of the program has made its objects by now.
            leaves = self._leaves[function] = may_only_block(function)
        if leaves:
            return self._pool.run(begin)
        return self._shared(begin) if self._workers else self._in(self._places[0], begin)

    def close(self, seconds: float) -> None:
        """Ends the threads; one that is blocked is left behind."""
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join(seconds / len(self._workers))
        if self._pool is not None:
            self._pool.close(seconds)

    async def _shared(self, begin: Callable[[], Awaitable[Any]]) -> Any:
        with self._least_busy() as place:
            return await self._in(place, begin)

    @contextmanager
    def _least_busy(self) -> Iterator[Turning]:
        """A loop for one call, which counts as that loop's from now on: it may be blocked, and not
        have come to calls that it has been given. One that does not turn is the last choice."""
        with self._lock:
            place = min(self._places, key=lambda each: (each.missed > 0, self._load[each]))
            self._load[place] += 1
        try:
            yield place
        finally:
            with self._lock:
                self._load[place] -= 1

    async def _in(self, place: Turning, begin: Callable[[], Awaitable[Any]]) -> Any:
        if asyncio.get_running_loop() is place.loop:
            with place:
                return await begin()
        crossing = Crossing(partial(self._in, place, begin))
        place.loop.call_soon_threadsafe(crossing.start, place.loop, _nothing)
        return await crossing.result()


def _nothing() -> None:
    """What is done when a call in a loop that is shared has ended."""
