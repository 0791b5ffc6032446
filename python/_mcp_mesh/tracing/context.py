"""The former home of `mesh.TraceContext`; write that instead."""

from mesh.tracing.context import TraceContext, TraceInfo

__all__ = ["TraceContext", "TraceInfo"]
