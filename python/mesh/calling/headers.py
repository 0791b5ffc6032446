"""Which request headers travel on: those that came in, and those that a caller adds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from mesh.calling.job_context import (
    CALLING_EPOCH,
    CALLING_JOB,
    DISPATCH,
    Dispatch,
    capped,
    dispatch_of,
    running_job,
)
from mesh.calling.sessions import SESSION_HEADER
from mesh.tracing.trace import PARENT_HEADER, TRACE_HEADER, TraceInfo, received_trace

logger = logging.getLogger("mesh")

TIMEOUT_HEADER = "x-mesh-timeout"
# Travel on whatever `MCP_MESH_PROPAGATE_HEADERS` says.
BUILT_IN = (CALLING_JOB, CALLING_EPOCH)


@dataclass(frozen=True, slots=True)
class Inbound:
    """What the call that is being served brought along."""

    headers: Mapping[str, str]
    # The caller's time budget in seconds, if it named one.
    timeout: float | None = None
    # The job that it hands over.
    dispatch: Dispatch | None = None
    # The trace to which it belongs.
    trace: TraceInfo | None = None


NOTHING = Inbound({})
inbound: ContextVar[Inbound] = ContextVar("mesh_inbound", default=NOTHING)


class HeaderRules:
    """The allow-list of `MCP_MESH_PROPAGATE_HEADERS`: names, and prefixes that end in `*`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        self._names = frozenset({*BUILT_IN, *(p for p in patterns if not p.endswith("*"))})
        self._prefixes = tuple(p[:-1] for p in patterns if p.endswith("*"))
        self._reported: set[str] = set()

    def allows(self, name: str) -> bool:
        """Whether a header of this name, in lower case, may travel on."""
        if name in DISPATCH:
            return False
        return name in self._names or name.startswith(self._prefixes or ("\0",))

    def capture(self, headers: Iterable[tuple[str, str]]) -> Inbound:
        """Keeps of an inbound request's headers what travels on."""
        kept: dict[str, str] = {}
        dispatched: dict[str, str] = {}
        timeout = trace_id = parent_span = None
        for name, value in headers:
            name = name.lower()
            if name == TIMEOUT_HEADER:
                timeout = _seconds(value)
            elif name in DISPATCH:
                dispatched[name] = value
            elif name == TRACE_HEADER:
                trace_id = value
            elif name == PARENT_HEADER:
                parent_span = value
            elif self.allows(name):
                kept[name] = value
        if not kept and not dispatched and timeout is None and trace_id is None:
            return NOTHING
        trace = received_trace(trace_id, parent_span)
        return Inbound(kept, timeout, dispatch_of(dispatched), trace)

    def outbound(self, added: Mapping[str, str] | None) -> list[tuple[str, str]]:
        """The headers of an outgoing call: the inbound ones, those that the caller adds, the job
        that calls and the trace."""
        request = inbound.get()
        merged = dict(request.headers)
        for name, value in (added or {}).items():
            name = name.lower()
            if self.allows(name) or name == SESSION_HEADER:
                merged[name] = str(value)
            elif name not in self._reported:
                self._reported.add(name)
                logger.warning(
                    "header `%s` is not sent: MCP_MESH_PROPAGATE_HEADERS does not allow it", name
                )
        job = running_job.get()
        if job is not None:
            # Of this claim, and not of the one from which the job was submitted.
            merged.pop(CALLING_EPOCH, None)
            merged |= job.headers()
        if request.trace is not None:
            merged |= request.trace.headers()
        return list(merged.items())


def time_budget(default: float) -> float:
    """The seconds that an outgoing call has."""
    return capped(inbound.get().timeout or default)


@contextmanager
def received(request: Inbound) -> Iterator[None]:
    """While a tool of this very process is called, what it would have received from another."""
    token = inbound.set(request)
    job_token = running_job.set(None)
    try:
        yield
    finally:
        running_job.reset(job_token)
        inbound.reset(token)


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None  # Foreign input; the own time-out applies.
    return seconds if 0 < seconds < 1e9 else None
