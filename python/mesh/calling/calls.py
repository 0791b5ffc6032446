"""One call of a function of another agent, or of this one; what every proxy comes down to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mesh.calling.headers import received, time_budget
from mesh.calling.membership import Membership, to_json
from mesh.calling.self_calls import call_self, call_self_blocking, raise_superseded
from mesh.tracing.spans import NO_SPAN, NoSpan

if TYPE_CHECKING:
    from mesh._mesh import Target

Headers = Mapping[str, str] | None
# Arguments as JSON, seconds, headers.
Request = tuple[str, float, list[tuple[str, str]]]


async def call(
    membership: Membership, target: Target, arguments: Mapping[str, Any], headers: Headers = None
) -> Any:
    """Calls `target` and awaits its result; a failure of it is a `RuntimeError`."""
    if membership.is_self(target):
        function = membership.own_tools[target.function_name]
        span = self_span(membership, target, arguments)
        with span, as_received(membership, target, headers):
            return span.returned(await call_self(function, arguments))
    text = to_json(arguments)
    with remote_span(membership, target, text) as span:
        future = asyncio.get_running_loop().create_future()
        handle = membership.agent.call(target, request(membership, target, text, headers), future)
        try:
            return span.answered(await future)
        except asyncio.CancelledError:
            handle.cancel()
            raise
        except RuntimeError as error:
            raise_superseded(error)
            raise


def call_blocking(
    membership: Membership, target: Target, arguments: Mapping[str, Any], headers: Headers = None
) -> Any:
    """The same for code that runs in a thread."""
    if membership.is_self(target):
        function = membership.own_tools[target.function_name]
        span = self_span(membership, target, arguments)
        with span, as_received(membership, target, headers):
            return span.returned(call_self_blocking(function, arguments, membership.loop))
    text = to_json(arguments)
    with remote_span(membership, target, text) as span:
        try:
            prepared = request(membership, target, text, headers)
            return span.answered(membership.agent.call_blocking(target, prepared))
        except RuntimeError as error:
            raise_superseded(error)
            raise


def request(membership: Membership, target: Target, arguments: str, headers: Headers) -> Request:
    """What the native client sends."""
    seconds = time_budget(membership.call_timeout)
    return arguments, seconds, membership.headers.outbound(added(target, headers))


def added(target: Target, headers: Headers) -> Headers:
    """The headers that the caller adds, and those that the callee has asked for when it registered,
    as its keyword `custom_headers`."""
    wanted = (target.kwargs() or {}).get("custom_headers")
    return {**wanted, **(headers or {})} if isinstance(wanted, Mapping) else headers


def as_received(
    membership: Membership, target: Target, headers: Headers
) -> AbstractContextManager[None]:
    """While an own tool is called, what it would have received from another agent."""
    rules = membership.headers
    arrived = rules.capture(rules.outbound(added(target, headers)))
    return received(replace(arrived, timeout=time_budget(membership.call_timeout)))


def remote_span(membership: Membership, target: Target, arguments: str) -> NoSpan:
    """The span of a call of another agent."""
    spans = membership.spans
    return NO_SPAN if spans is None else spans.of_call(target, arguments)


def self_span(membership: Membership, target: Target, arguments: Mapping[str, Any]) -> NoSpan:
    """The span of a call of an own tool."""
    spans = membership.spans
    return NO_SPAN if spans is None else spans.of_self_call(target.function_name, arguments)
