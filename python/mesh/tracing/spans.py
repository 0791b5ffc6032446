"""Spans: what a function of the agent, or a call that it makes, took; one published entry each.

All values are texts, as the readers of the stream expect.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from mesh.asking.meta import span_fields as llm_fields
from mesh.calling.headers import inbound
from mesh.calling.membership import to_json
from mesh.calling.streams import closing, stepwise
from mesh.tracing.trace import TraceInfo, new_span_id, new_trace_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh._mesh import Target
    from mesh.calling.injection import Filling
    from mesh.serving.settings import Address

T = TypeVar("T")

Fields = list[tuple[str, str]]

# Errors are told as they are, unless one carries a whole document.
LONGEST_ERROR = 2000


class NoSpan:
    """What code that would be a span enters while tracing is off."""

    __slots__ = ()

    def __enter__(self) -> NoSpan:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object, /) -> None:
        return

    def returned(self, value: T) -> T:
        """The result of the code, which is handed on."""
        return value

    def answered(self, value: T) -> T:
        """The result of a call of another agent, which is handed on."""
        return value

    def around(self, pieces: AsyncIterator[T]) -> AsyncIterator[T]:
        """A stream, which is handed on; to enter the span as well would be wrong."""
        return pieces


NO_SPAN = NoSpan()


class Spans:
    """Makes the spans of one agent."""

    def __init__(self, origin: Fields, publish: Callable[[Fields], None] | None) -> None:
        """`origin` says whose spans they are. Without `publish` traces grow and nobody is told."""
        self.origin = origin
        self.publish = publish

    def of_function(self, call: Filling) -> Span:
        """The run of one of the agent's functions."""
        return Span(self, call.declaration.mcp_name, lambda: _function(call))

    def of_call(self, target: Target, arguments: str) -> Span:
        """A call of another agent with these arguments, as JSON."""
        size = len(arguments.encode())
        fields = [
            *_counts(0, 0, 1, dependencies=[target.endpoint]),
            ("request_bytes", str(size)),
        ]
        return Span(self, "proxy_call_wrapper", lambda: fields)

    def of_self_call(self, function: str, arguments: Mapping[str, Any]) -> Span:
        """A call of a function of the same agent, whose own span is below this one."""
        fields = [*_counts(0, len(arguments), 0), ("call_type", "self_dependency")]
        return Span(self, function, lambda: fields)


class Span(NoSpan):
    """One of them; what runs in it, and what that calls, is below it in the trace."""

    __slots__ = (
        "_answer_bytes",
        "_began",
        "_began_clock",
        "_fields",
        "_name",
        "_result_type",
        "_spans",
        "_token",
        "_trace",
    )

    def __init__(self, spans: Spans, name: str, fields: Callable[[], Fields]) -> None:
        self._spans = spans
        self._name = name
        # Asked at the end, when everything is known.
        self._fields = fields
        self._result_type = "None"
        self._answer_bytes: int | None = None

    def __enter__(self) -> Span:
        self._begin()
        self._token = inbound.set(replace(inbound.get(), trace=self._trace))
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object, /) -> None:
        inbound.reset(self._token)
        self._end(error)

    def returned(self, value: T) -> T:
        """Notes of what type the result is."""
        self._result_type = type(value).__name__
        return value

    def answered(self, value: T) -> T:
        """Notes of what type and how large the result is."""
        self._answer_bytes = len(to_json({"result": value}).encode())
        return self.returned(value)

    async def around(self, pieces: AsyncIterator[T]) -> AsyncIterator[T]:
        """The stream, each piece of which is made within the span."""
        self._begin()
        error: BaseException | None = None
        try:
            inside = stepwise(self._entered, pieces)
            async with closing(inside):
                async for piece in inside:
                    yield piece
            self._result_type = "str"
        except GeneratorExit:
            raise  # Whoever reads has enough.
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._end(error)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        token = inbound.set(replace(inbound.get(), trace=self._trace))
        try:
            yield
        finally:
            inbound.reset(token)

    def _begin(self) -> None:
        above = inbound.get().trace
        self._trace = TraceInfo(
            above.trace_id if above else new_trace_id(),
            new_span_id(),
            (above.span_id or None) if above else None,
        )
        self._began, self._began_clock = time.time(), time.perf_counter()

    def _end(self, error: BaseException | None) -> None:
        if self._spans.publish is None:
            return
        took = time.perf_counter() - self._began_clock
        fields = [
            ("trace_id", self._trace.trace_id),
            ("span_id", self._trace.span_id),
            ("parent_span", self._trace.parent_span or "null"),
            ("function_name", self._name),
            *self._spans.origin,
            ("start_time", str(self._began)),
            ("end_time", str(self._began + took)),
            ("duration_ms", f"{took * 1000:.2f}"),
            ("success", str(error is None)),
            ("error", "null" if error is None else _text(error)),
            ("result_type", self._result_type),
            *self._fields(),
        ]
        if self._answer_bytes is not None:
            fields.append(("response_bytes", str(self._answer_bytes)))
        fields.append(("published_at", str(time.time())))
        self._spans.publish(fields)


def origin(
    agent: tuple[str, str, str], address: Address, pod_ip: str | None
) -> list[tuple[str, str]]:
    """Whose spans they are: `agent` is id, name and namespace, `address` what is advertised."""
    agent_id, name, namespace = agent
    return [
        ("agent_id", agent_id),
        ("agent_name", name),
        ("agent_namespace", namespace),
        ("agent_hostname", address.host),
        ("agent_ip", pod_ip or address.host),
        ("agent_port", str(address.port)),
        ("agent_endpoint", address.url),
        ("runtime", "python"),
    ]


def _function(call: Filling) -> Fields:
    declaration = call.declaration
    signature = declaration.signature
    injected = (*signature.slots, *signature.extras)
    counts = _counts(
        len(call.args),
        len(call.kwargs),
        sum(call.supplied(each.name) is not None for each in injected),
        dependencies=[each.capability for each in declaration.dependencies],
        positions=[signature.positions[each.name] for each in signature.slots]
        if all(each.name in signature.positions for each in signature.slots)
        else [],
    )
    return [*counts, *llm_fields(call.metas)]


def _counts(
    args: int,
    kwargs: int,
    injected: int,
    *,
    dependencies: list[str] | None = None,
    positions: list[int] | None = None,
) -> Fields:
    return [
        ("args_count", str(args)),
        ("kwargs_count", str(kwargs)),
        ("injected_dependencies", str(injected)),
        ("dependencies", json.dumps(dependencies or [])),
        ("mesh_positions", json.dumps(positions or [])),
    ]


def _text(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:LONGEST_ERROR]
