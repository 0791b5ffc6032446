"""Calls of tools that hand their text out piece by piece, for both kinds of callers.

A tool that says nothing before it ends is a stream of one piece: its result.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mesh.calling.calls import Headers, as_received, remote_span, request, self_span
from mesh.calling.membership import to_json
from mesh.calling.self_calls import as_remote, call_self, is_stream, raise_superseded
from mesh.calling.streams import END, closing, stepwise, text

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.calling.membership import Membership

T = TypeVar("T")

# Told of each piece: how many there were, how many there will be, which nobody knows, and the text.
ProgressHandler = Callable[[float, float | None, str | None], Any]

# Seconds in which a stream may be silent, unless the callee has another idea of it.
LONGEST_SILENCE = 300.0


async def stream(
    membership: Membership, target: Target, arguments: Mapping[str, Any], headers: Headers = None
) -> AsyncGenerator[str, None]:
    """The pieces of what `target` says. A failure, also one between two pieces, is a
    `RuntimeError`."""
    pieces: AsyncIterator[str]
    if membership.is_self(target):
        span = self_span(membership, target, arguments)
        own = _own(membership.own_tools[target.function_name], arguments)
        pieces = stepwise(lambda: as_received(membership, target, headers), own)
    else:
        written = to_json(arguments)
        span = remote_span(membership, target, written)
        pieces = _remote(membership, target, written, headers)
    pieces = span.around(pieces)
    async with closing(pieces):
        async for piece in pieces:
            yield piece


async def reported(
    pieces: AsyncIterator[str], handler: ProgressHandler | None
) -> AsyncGenerator[str, None]:
    """The stream, of which each piece is told to `handler` as well."""
    count = 0
    async with closing(pieces):
        async for piece in pieces:
            count += 1
            if handler is not None:
                told = handler(count, None, piece)
                if inspect.isawaitable(told):
                    await told
            yield piece


def blocking(membership: Membership, pieces: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """A stream for code that runs in a thread; the agent's event loop makes the pieces."""
    try:
        while (piece := on_loop(membership, lambda: anext(pieces, END))) is not END:
            yield piece
    finally:
        on_loop(membership, pieces.aclose)


def on_loop(membership: Membership, begin: Callable[[], Awaitable[T]]) -> T:
    """The result of what runs on the agent's event loop, for code that runs in a thread."""

    async def run() -> T:
        return await begin()

    try:
        is_there = asyncio.get_running_loop() is membership.loop
    except RuntimeError:
        is_there = False
    if is_there:
        raise RuntimeError(
            "a `def` tool on the event loop cannot wait for what needs that loop: make it "
            "`async def`"
        )
    return asyncio.run_coroutine_threadsafe(run(), membership.loop).result()


async def _remote(
    membership: Membership, target: Target, arguments: str, headers: Headers
) -> AsyncIterator[str]:
    _, _, sent = request(membership, target, arguments, headers)
    source = membership.agent.stream(target, (arguments, silence(target), sent))
    has_spoken = False
    try:
        while True:
            future = asyncio.get_running_loop().create_future()
            source.next(future)
            kind, value = await future
            if kind == "end":
                if not has_spoken and value is not None:
                    yield as_text(value)
                return
            has_spoken = True
            yield value
    except RuntimeError as error:
        raise_superseded(error)
        raise
    finally:
        source.close()


async def _own(function: Callable[..., Any], arguments: Mapping[str, Any]) -> AsyncIterator[str]:
    if not is_stream(function):
        value = await call_self(function, arguments)
        if value is not None:
            yield as_text(value)
        return
    try:
        pieces = function(**arguments)
        async with closing(pieces):
            async for piece in pieces:
                yield text(function.__name__, piece)
    except Exception as error:
        raise as_remote(error) from error


def silence(target: Target) -> float:
    """The seconds in which a stream may be silent: the callee's keyword `stream_timeout`."""
    wanted = (target.kwargs() or {}).get("stream_timeout")
    is_usable = isinstance(wanted, (int, float)) and not isinstance(wanted, bool) and wanted > 0
    return float(wanted) if is_usable else LONGEST_SILENCE  # type: ignore[arg-type]


def as_text(value: Any) -> str:
    """A result as the one piece of a stream."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
