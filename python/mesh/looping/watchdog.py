"""Notices when an event loop does not turn, says which tool holds it up, and has probes answered.

It sleeps while no calls are served.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Protocol

from mesh.looping.blame import blamed
from mesh.looping.turning import Turning

logger = logging.getLogger("mesh")

# Seconds between two looks.
INTERVAL = 0.25
# Looks in vain after which a loop counts as blocked: a second. Looks, because a process that was
# suspended, or whose machine is too busy for both threads, is not to blame a tool.
PATIENCE = 4
# Looks in vain after which others stand in for the program: a probe may wait for no longer than a
# second, as those of Kubernetes do.
STAND_IN = 2
# Looks without any call after which it goes to sleep.
QUIET = 4
# Seconds that a blocked program may take to notice that it is to stop.
LAST_PATIENCE = 2.0


class Standby(Protocol):
    """Serves in place of a program whose event loop is blocked."""

    def attend(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """Serves for a while, or until it is over."""

    def retire(self) -> None:
        """Leaves the rest to the program."""


class Watchdog:
    """Watches event loops from a thread of its own. `tools` are the names of tools by their code;
    the first loop that is watched is the program's, for which others stand in."""

    def __init__(self, tools: Mapping[CodeType, str]) -> None:
        self._tools = tools
        self._turnings: list[Turning] = []
        # Since when loops do not turn.
        self._stalls: dict[Turning, float] = {}
        self._reported: set[Turning] = set()
        # Set while there are calls to watch over.
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._told_to_stop: float | None = None
        self._standby: Standby | None = None
        self._give_up: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    def watched(
        self, loop: asyncio.AbstractEventLoop, name: str, thread: int | None = None
    ) -> Turning:
        """The loop, which runs in the current thread or in another one, as one to watch over."""
        turning = Turning(loop, name, self._wake, thread or threading.get_ident())
        self._turnings.append(turning)
        return turning

    def start(self, standby: Standby | None, give_up: Callable[[], None]) -> None:
        """Begins to watch. `give_up` is called, in the thread that watches, when the program was
        told to stop and does not notice."""
        self._standby, self._give_up = standby, give_up
        self._thread = threading.Thread(target=self._run, name="mesh-watch", daemon=True)
        self._thread.start()

    def told_to_stop(self) -> None:
        """The program was; called by a signal handler, so it takes no lock."""
        self._told_to_stop = time.monotonic()

    def end(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2 * INTERVAL)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._wake.wait()
                self._watch_calls()
        except Exception:
            logger.exception("nobody watches over the event loop any more")

    def _watch_calls(self) -> None:
        quiet, seen = 0, -1
        while quiet < QUIET and not self._ended.is_set():
            for turning in self._turnings:
                self._look_at(turning)
            self._stop_in_place_of_the_program()
            begun = sum(turning.begun for turning in self._turnings)
            is_busy = begun != seen or any(turning.calls for turning in self._turnings)
            quiet, seen = 0 if is_busy or self._stalls else quiet + 1, begun
            self._pause()
        self._wake.clear()
        if self._ended.is_set() or any(turning.calls for turning in self._turnings):
            self._wake.set()  # Just now.

    def _look_at(self, turning: Turning) -> None:
        missed = turning.look()
        if missed == 0 and turning is self._turnings[0] and self._standby is not None:
            self._standby.retire()
        since = self._stalls.get(turning)
        if since is None and missed >= PATIENCE:
            self._stalls[turning] = since = time.monotonic() - missed * INTERVAL
        if since is not None and missed and turning not in self._reported:
            self._report(turning, since)
        elif since is not None and missed == 0:
            del self._stalls[turning]
            if turning in self._reported:
                self._reported.remove(turning)
                seconds = time.monotonic() - since
                logger.info("%s turns again, after %.1f seconds", turning.name, seconds)

    def _report(self, turning: Turning, since: float) -> None:
        frame = sys._current_frames().get(turning.thread)
        if frame is None or turning.has_turned:
            return
        tool, place = blamed(frame, self._tools)
        if place is None:
            # Nothing of the program: the machine is busy, or a package loads another one. What is
            # to blame may begin later, without a turn of the loop in between.
            return
        self._reported.add(turning)
        logger.warning(
            "%s has blocked %s for %.1f seconds, at %s; whatever else runs in that loop waits. "
            "Await what takes so long, or run it by `asyncio.to_thread`; or make the "
            "tool a `def` function, which runs in a thread; or set MCP_MESH_TOOL_WORKERS",
            f"the tool `{tool}`" if tool else "the program",
            turning.name,
            time.monotonic() - since,
            place,
        )

    def _stop_in_place_of_the_program(self) -> None:
        asked, program = self._told_to_stop, self._turnings[0]
        if asked is None or self._give_up is None or program not in self._stalls:
            return
        if time.monotonic() - asked > LAST_PATIENCE and program.missed * INTERVAL > LAST_PATIENCE:
            self._give_up()

    def _pause(self) -> None:
        program = self._turnings[0]
        if self._standby is not None and program.missed >= STAND_IN:
            self._standby.attend(INTERVAL, lambda: program.has_turned)
        else:
            self._ended.wait(INTERVAL)
