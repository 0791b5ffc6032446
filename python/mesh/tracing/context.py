"""`mesh.TraceContext`: what the current call brought along, for programs that look or decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mesh.calling import membership
from mesh.calling.headers import inbound
from mesh.calling.job_context import dispatch_of
from mesh.tracing.trace import TraceInfo, new_span_id, new_trace_id

__all__ = ["TraceContext", "TraceInfo"]


class TraceContext:
    """The trace and the propagated headers of the current call; each call has its own."""

    @staticmethod
    def get_current() -> TraceInfo | None:
        """Where in a trace the current code runs; None when the call belongs to none."""
        return inbound.get().trace

    @staticmethod
    def set_current(trace_id: str, span_id: str, parent_span: str | None = None) -> None:
        """Makes the rest of the current call, and what it calls, part of this trace."""
        _set_trace(TraceInfo(trace_id, span_id, parent_span))

    @staticmethod
    def clear_current() -> None:
        """Takes the rest of the current call out of its trace."""
        _set_trace(None)

    @staticmethod
    def generate_new() -> TraceInfo:
        """The root of a trace that begins; to enter it, pass it to `set_current`."""
        return TraceInfo(new_trace_id(), new_span_id())

    @staticmethod
    def from_headers(trace_id: str, parent_span: str | None = None) -> TraceInfo:
        """A new span under `parent_span`, as X-Trace-ID and X-Parent-Span of a request say."""
        return TraceInfo(trace_id, new_span_id(), parent_span)

    @classmethod
    def set_from_headers(cls, trace_id: str, parent_span: str | None = None) -> None:
        """Makes the rest of the current call a new span under `parent_span`."""
        _set_trace(cls.from_headers(trace_id, parent_span))

    @staticmethod
    def get_propagated_headers() -> dict[str, str]:
        """The headers, in lower case, that came in with the current call and travel on.

        Which these are, `MCP_MESH_PROPAGATE_HEADERS` says; tracing need not be on.
        """
        return dict(inbound.get().headers)

    @staticmethod
    def set_propagated_headers(headers: Mapping[str, str]) -> None:
        """Replaces them for what the current call does from now on.

        Names that `MCP_MESH_PROPAGATE_HEADERS` does not allow are left out.
        """
        member = membership.current()
        lower = {name.lower(): str(value) for name, value in headers.items()}
        allowed = {
            name: value
            for name, value in lower.items()
            if member is None or member.headers.allows(name)
        }
        inbound.set(replace(inbound.get(), headers=allowed))

    @classmethod
    def clear_propagated_headers(cls) -> None:
        """Lets nothing travel on from here."""
        cls.set_propagated_headers({})

    @staticmethod
    def get_dispatch_headers() -> dict[str, str]:
        """The headers with which the current call hands a job over; empty when it hands none."""
        dispatch = inbound.get().dispatch
        return {} if dispatch is None else dispatch.headers()

    @staticmethod
    def set_dispatch_headers(headers: Mapping[str, str]) -> None:
        """Replaces them for the rest of the current call; they never travel on."""
        lower = {name.lower(): str(value) for name, value in headers.items()}
        inbound.set(replace(inbound.get(), dispatch=dispatch_of(lower)))

    @classmethod
    def clear_dispatch_headers(cls) -> None:
        """Forgets them for the rest of the current call."""
        cls.set_dispatch_headers({})


def _set_trace(trace: TraceInfo | None) -> None:
    inbound.set(replace(inbound.get(), trace=trace))
