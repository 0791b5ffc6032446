"""The agent's verdict on itself: the program's `health_check` and `startup_check`."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger("mesh")

STATUSES = ("healthy", "degraded", "unhealthy")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check."""

    status: str
    checks: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


HEALTHY = Verdict("healthy")


async def judge(check: Callable[[], Any]) -> Verdict:
    """Runs a check, which may be a coroutine function or a plain one, and reads its result."""
    try:
        if inspect.iscoroutinefunction(check):
            result = await check()
        else:
            result = await asyncio.to_thread(check)
            if inspect.isawaitable(result):
                result = await result
    except Exception as error:
        return Verdict("degraded", errors=(f"the check raised {type(error).__name__}: {error}",))
    return read(result)


def read(result: Any) -> Verdict:
    """A bool, or a mapping of status, checks and errors; anything odd is `degraded`."""
    if isinstance(result, bool):
        return HEALTHY if result else Verdict("unhealthy", errors=("the check returned False",))
    if isinstance(result, Mapping) and result.get("status", "healthy") in STATUSES:
        checks = result.get("checks") or {}
        errors = result.get("errors") or ()
        if isinstance(checks, Mapping) and isinstance(errors, (list, tuple)):
            return Verdict(
                result.get("status", "healthy"), dict(checks), tuple(str(e) for e in errors)
            )
    return Verdict("degraded", errors=(f"the check returned {result!r}, neither bool nor mapping",))


class HealthMonitor:
    """Keeps the verdict of `health_check`, which is asked at most once per time to live."""

    def __init__(
        self,
        check: Callable[[], Any] | None,
        time_to_live: float,
        changed: Callable[[str], None],
    ) -> None:
        self._check = check
        self._time_to_live = time_to_live
        self._changed = changed
        self._verdict = HEALTHY
        self._valid_until = float("-inf")
        self._lock = asyncio.Lock()

    @property
    def latest(self) -> Verdict:
        """The last verdict, for those that cannot wait; from any thread."""
        return self._verdict

    async def verdict(self) -> Verdict:
        """The current verdict, asked for anew when the last one is too old."""
        if self._check is None:
            return HEALTHY
        async with self._lock:
            if time.monotonic() >= self._valid_until:
                former = self._verdict.status
                self._verdict = await judge(self._check)
                self._valid_until = time.monotonic() + self._time_to_live
                if self._verdict.status != former:
                    logger.warning(
                        "health changed from %s to %s%s",
                        former,
                        self._verdict.status,
                        f": {'; '.join(self._verdict.errors)}" if self._verdict.errors else "",
                    )
                    self._changed(self._verdict.status)
            return self._verdict

    async def watch(self) -> None:
        """Asks once per time to live, so that the registry hears of a change without a probe."""
        if self._check is None:
            return
        while True:
            await self.verdict()
            await asyncio.sleep(max(self._valid_until - time.monotonic(), 0.01))
