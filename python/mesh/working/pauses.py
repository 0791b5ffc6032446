"""Pauses between two attempts, which grow."""

from __future__ import annotations

import asyncio


class Pause:
    """Doubles from `first` to `longest`, in seconds, until it is reset."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        """The next pause is the first one again."""
        self._next = self._first

    def take(self) -> float:
        """How long this pause is."""
        seconds = self._next
        self._next = min(2 * seconds, self._longest)
        return seconds

    async def sleep(self, at_most: float | None = None) -> None:
        """Waits for one pause, or for `at_most`."""
        seconds = self.take()
        await asyncio.sleep(seconds if at_most is None else max(0, min(seconds, at_most)))
