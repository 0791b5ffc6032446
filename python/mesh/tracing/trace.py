"""The trace of a request, as headers carry it from agent to agent."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

TRACE_HEADER = "x-trace-id"
PARENT_HEADER = "x-parent-span"
# What travels as an id. Ours are hexadecimal; those of gateways and browsers may not be.
_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """Where in a trace some code runs."""

    # 32 hexadecimal digits, the same for everything that one request causes.
    trace_id: str
    # 16 hexadecimal digits; what is called now has it as its parent. Empty before the first span.
    span_id: str
    # The span that caused this one; None at the root, and where another agent's span is passed on.
    parent_span: str | None = None

    def headers(self) -> dict[str, str]:
        """What a call from here bears."""
        headers = {TRACE_HEADER: self.trace_id}
        if self.span_id:
            headers[PARENT_HEADER] = self.span_id
        return headers

    def response_headers(self) -> list[tuple[bytes, bytes]]:
        """What the answer to a request bears, for whoever looks its trace up."""
        headers = {"x-trace-id": self.trace_id, "x-span-id": self.span_id}
        headers["x-parent-span"] = self.parent_span or ""
        return [(name.encode(), value.encode()) for name, value in headers.items() if value]


def new_trace_id() -> str:
    """An id for a trace that begins."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """An id for a span that begins."""
    return os.urandom(8).hex()


def received_trace(trace_id: str | None, parent_span: str | None) -> TraceInfo | None:
    """The trace to which a request belongs; what cannot be an id counts as none."""
    if trace_id is None or _ID.fullmatch(trace_id) is None:
        return None
    is_known = parent_span is not None and _ID.fullmatch(parent_span) is not None
    # Until a span of our own begins, what is called from here has the caller's span as its parent:
    # an agent that does not trace leaves no gap.
    return TraceInfo(trace_id, parent_span if parent_span and is_known else "")
