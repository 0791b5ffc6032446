"""Streams of text, as they pass through a process."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")

# What comes after the last piece of a stream.
END: Any = object()


@asynccontextmanager
async def closing(pieces: Any) -> AsyncIterator[None]:
    """Ends a stream with the block, so that one nobody reads on cleans up now. An async generator
    would otherwise do that when it is collected; other iterators need not be closable."""
    try:
        yield
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


async def pieces_of(returned: Any) -> AsyncIterator[Any]:
    """The pieces of what a streaming function returned: an async generator is a stream, and a
    coroutine function returns one."""
    pieces = await returned if inspect.isawaitable(returned) else returned
    async with closing(pieces):
        async for piece in pieces:
            yield piece


async def stepwise(
    entered: Callable[[], AbstractContextManager[Any]], pieces: AsyncIterator[T]
) -> AsyncIterator[T]:
    """The stream, each piece of which is made in a context; between two pieces other code runs."""
    async with closing(pieces):
        while True:
            with entered():
                piece = await anext(pieces, END)
            if piece is END:
                return
            yield piece


async def joined(name: str, pieces: AsyncIterator[Any]) -> str:
    """The whole text of a stream; `name` is the tool's, for the error of another kind of item."""
    return "".join([text(name, piece) async for piece in pieces])


def text(name: str, piece: Any) -> str:
    """The piece, if it is a text; raises `TypeError`."""
    if not isinstance(piece, str):
        raise TypeError(
            f"tool `{name}` streams text, and this is none: {piece!r}; yield str, such as "
            "json.dumps(…)"
        )
    return piece
