"""Threads with an event loop each, and the pool of them that runs tools which never wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from mesh.looping.crossing import Crossing

logger = logging.getLogger("mesh")

# As many calls as of `def` tools run at once.
MOST = 40
# Seconds after which a thread that nobody needs ends.
SURPLUS = 30.0


class Worker:
    """A thread that runs an event loop until it is told to end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.loop = asyncio.new_event_loop()
        self.last_used = time.monotonic()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    @property
    def thread(self) -> int:
        """The thread's identifier, as the interpreter knows it."""
        return self._thread.ident or 0

    @property
    def is_alive(self) -> bool:
        """Whether it takes calls: an exit in something that runs in the background ends it."""
        return self._thread.is_alive() and not self.loop.is_closed()

    @property
    def is_busy(self) -> bool:
        """Whether something runs in the loop, be it in the background; asked in its thread."""
        return len(asyncio.all_tasks(self.loop)) > 1

    def start(self, crossing: Crossing, ended: Callable[[], None]) -> None:
        """Runs a call, from any thread."""
        self.loop.call_soon_threadsafe(crossing.start, self.loop, ended)

    def end(self) -> None:
        """Has the loop end, and what runs in the background cancelled, from any thread."""
        with contextlib.suppress(RuntimeError):  # It has ended already.
            self.loop.call_soon_threadsafe(self._ending.set)

    def join(self, seconds: float) -> None:
        """Waits for the thread, which may be blocked by what it runs."""
        self._thread.join(max(seconds, 0))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            try:
                runner.run(self._until_ended())
            except SystemExit:
                logger.warning("an exit in the background has ended the thread %s", self.name)

    async def _until_ended(self) -> None:
        await self._ending.wait()


class Pool:
    """Runs each call in a thread of its own; threads are made when none is idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: set[Worker] = set()
        # The one that was used last is used next, so that the others can end.
        self._idle: list[Worker] = []
        self._waiting: deque[Crossing] = deque()
        self._made = 0

    async def run(self, begin: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a call."""
        crossing = Crossing(begin)
        worker = self._take(crossing)
        if worker is not None:
            worker.start(crossing, partial(self._ended, worker))
        return await crossing.result()

    def close(self, seconds: float) -> None:
        """Ends the threads; one that is blocked is left behind."""
        with self._lock:
            workers = [*self._workers]
        for worker in workers:
            worker.end()
        deadline = time.monotonic() + seconds
        for worker in workers:
            worker.join(deadline - time.monotonic())

    def _take(self, crossing: Crossing) -> Worker | None:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                self._workers.remove(worker)
            if len(self._workers) >= MOST:
                self._waiting.append(crossing)
                return None
            self._made += 1
            worker = Worker(f"mesh-tool-{self._made}")
            self._workers.add(worker)
        worker.loop.call_soon_threadsafe(self._look_after, worker)
        return worker

    def _ended(self, worker: Worker) -> None:
        with self._lock:
            worker.last_used = time.monotonic()
            while self._waiting and self._waiting[0].is_called_off:
                self._waiting.popleft()
            if not self._waiting:
                self._idle.append(worker)
                return
            crossing = self._waiting.popleft()
        crossing.start(worker.loop, partial(self._ended, worker))

    def _look_after(self, worker: Worker) -> None:
        """Ends the worker once it is surplus; called in its thread."""
        with self._lock:
            is_surplus = worker in self._idle and not worker.is_busy
            due = worker.last_used + SURPLUS - time.monotonic()
            if is_surplus and due <= 0:
                self._idle.remove(worker)
                self._workers.remove(worker)
                worker.end()
                return
        worker.loop.call_later(due if due > 0 else SURPLUS, self._look_after, worker)
