"""A call that one event loop waits for and another one, in another thread, runs."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from mesh.calling.streams import END, closing


class Crossing:
    """One such call. For whoever awaits its `result` it is as if it had run in place: it sees the
    same context variables, raises the same errors, and is cancelled when the caller is."""

    __slots__ = (
        "_begin",
        "_called_off",
        "_context",
        "_error",
        "_has_begun",
        "_home",
        "_is_over",
        "_outcome",
        "_task",
        "_there",
        "_value",
        "_was_reached",
    )

    def __init__(self, begin: Callable[[], Awaitable[Any]]) -> None:
        self._begin = begin
        self._context = contextvars.copy_context()
        self._home = asyncio.get_running_loop()
        self._outcome: asyncio.Future[Any] = self._home.create_future()
        self._there: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._has_begun = False
        self._is_over = False
        # The arguments of the cancellation, and whether the task has been told of it in time.
        self._called_off: tuple[Any, ...] | None = None
        self._was_reached = False

    @property
    def is_called_off(self) -> bool:
        """Whether the caller was cancelled."""
        return self._called_off is not None

    async def result(self) -> Any:
        """What the call returns, or raises."""
        while True:
            try:
                return await self._outcome
            except asyncio.CancelledError as error:
                if self._is_over:
                    raise
                # Cancelled from here: code that runs decides itself how it ends, as ever.
                self._outcome = self._home.create_future()
                self._called_off = error.args
                if not self._has_begun:
                    raise
                if self._there is not None:
                    with contextlib.suppress(RuntimeError):
                        self._there.call_soon_threadsafe(self._cancel)

    def start(self, loop: asyncio.AbstractEventLoop, ended: Callable[[], None]) -> None:
        """Begins, in the thread of `loop`; `ended` is called there as soon as it is over."""
        self._there = loop
        self._has_begun = True
        if self._called_off is not None:
            self._was_reached = True
            self._end(ended)
            return
        self._task = loop.create_task(self._run(), context=self._context)
        self._task.add_done_callback(partial(self._done, ended))

    async def _run(self) -> None:
        try:
            self._value = await self._begin()
        except BaseException as error:  # An exit is the program's, too, and not this thread's.
            self._error = error

    def _cancel(self) -> None:
        if self._task is not None:
            self._was_reached = self._task.cancel(*(self._called_off or ())) or self._was_reached

    def _done(self, ended: Callable[[], None], task: asyncio.Task[None]) -> None:
        if task.cancelled():  # Before its first step.
            self._error = asyncio.CancelledError()
        self._end(ended)

    def _end(self, ended: Callable[[], None]) -> None:
        ended()
        with contextlib.suppress(RuntimeError):  # Nobody waits any more: its loop is closed.
            self._home.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._is_over = True
        error, self._error, self._task = self._error, None, None
        if self._outcome.done():
            return
        is_missed = self._called_off is not None and not self._was_reached
        if is_missed or isinstance(error, asyncio.CancelledError):
            self._outcome.cancel(*(error.args if error is not None else ()))
        elif error is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(self._value)


async def cross(loop: asyncio.AbstractEventLoop, begin: Callable[[], Awaitable[Any]]) -> Any:
    """The result of what runs in `loop`, which may be the one that runs already."""
    if asyncio.get_running_loop() is loop:
        return await begin()
    crossing = Crossing(begin)
    loop.call_soon_threadsafe(crossing.start, loop, _nothing)
    return await crossing.result()


async def cross_stream(
    loop: asyncio.AbstractEventLoop, begin: Callable[[], AsyncIterator[Any]]
) -> AsyncIterator[Any]:
    """The pieces of a stream that is made in `loop`, in one task, each when it is asked for."""
    home = asyncio.get_running_loop()
    asked = asyncio.Event()
    made: asyncio.Queue[Any] = asyncio.Queue()

    async def make() -> None:
        pieces = begin()
        async with closing(pieces):
            while True:
                await asked.wait()
                asked.clear()
                piece = await anext(pieces, END)
                if piece is END:
                    return
                home.call_soon_threadsafe(made.put_nowait, piece)

    making = asyncio.create_task(cross(loop, make))
    making.add_done_callback(lambda _task: made.put_nowait(END))
    try:
        while True:
            loop.call_soon_threadsafe(asked.set)
            piece = await made.get()
            if piece is END:
                break
            yield piece
        await making
    finally:
        # A stream that nobody reads on cleans up first.
        making.cancel()
        await asyncio.wait({making})


def _nothing() -> None:
    """What is done when a call in a loop that is shared has ended."""
