"""An event loop as the watchdog sees it."""

from __future__ import annotations

import asyncio
import threading


class Turning:
    """One event loop, which is entered, in its thread, for the time of each call."""

    __slots__ = ("_is_asked", "_wake", "begun", "calls", "loop", "missed", "name", "thread")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, name: str, wake: threading.Event, thread: int
    ) -> None:
        self.loop = loop
        self.name = name
        self.thread = thread
        # Calls that are being served, and how many there have ever been.
        self.calls = 0
        self.begun = 0
        # How often the watchdog has looked since it asked the loop to turn.
        self.missed = 0
        self._is_asked = False
        self._wake = wake

    def __enter__(self) -> None:
        self.calls += 1
        self.begun += 1
        if not self._wake.is_set():
            self._wake.set()

    def __exit__(self, *_: object) -> None:
        self.calls -= 1

    def look(self) -> int:
        """Asks the loop to turn, unless it was asked and has not; how often that was seen."""
        if self._is_asked:
            self.missed += 1
            return self.missed
        self.missed = 0
        self._is_asked = True
        try:
            self.loop.call_soon_threadsafe(self._turned)
        except RuntimeError:  # It is closed.
            self._is_asked = False
        return 0

    @property
    def has_turned(self) -> bool:
        """Whether the loop has turned since it was asked to."""
        return not self._is_asked

    def _turned(self) -> None:
        self._is_asked = False
