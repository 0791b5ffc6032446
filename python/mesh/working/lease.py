"""How long a claim holds, and how long the handler has."""

from __future__ import annotations

import asyncio

# Of a claim whose job names no `max_duration`, in seconds; the rule of every registry.
DEFAULT_WINDOW = 300.0


class Lease:
    """A claim holds for a while after each sign of life.

    When the job names that while as its `max_duration`, the handler itself has to give the signs:
    to report progress or to read events. Without one this process gives them, for as long as it
    runs. A job that was handed over without a claim has no lease.
    """

    def __init__(self, max_duration: float | None, *, is_claimed: bool = True) -> None:
        self._clock = asyncio.get_running_loop().time
        self._max_duration = max_duration if is_claimed else None
        self._is_claimed = is_claimed
        self._last_sign = self._clock()

    @property
    def window(self) -> float:
        """Seconds for which one sign of life is good."""
        return self._max_duration or DEFAULT_WINDOW

    def extend(self) -> None:
        """The handler gives a sign of life."""
        self._last_sign = self._clock()

    def seconds_left(self) -> float | None:
        """Until the handler has to have given another sign; None is no limit."""
        if self._max_duration is None:
            return None
        return self._last_sign + self._max_duration - self._clock()

    def next_beat(self) -> float | None:
        """Seconds between two signs that this process gives; None when it gives none."""
        return DEFAULT_WINDOW / 3 if self._is_claimed and self._max_duration is None else None
