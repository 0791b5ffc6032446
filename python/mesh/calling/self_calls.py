"""Calls of a tool by another tool of the same agent, which do not leave the process.

They succeed and fail as remote ones do, and the called tool sees a request of its own.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from mesh.calling.streams import joined


async def call_self(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Calls an own tool without leaving the process; fails as a remote one does."""
    try:
        if is_async(function):
            return await run_async(function, arguments)
        return await asyncio.to_thread(function, **arguments)
    except Exception as error:
        raise as_remote(error) from error


def call_self_blocking(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    loop: asyncio.AbstractEventLoop,
) -> Any:
    """Calls an own tool from a tool that runs in a thread."""
    try:
        if not is_async(function):
            return function(**arguments)
        if _running_loop() is loop:
            raise RuntimeError(
                "a `def` tool on the event loop cannot wait for an `async def` tool of the same "
                "agent: make it `async def`"
            )
        return asyncio.run_coroutine_threadsafe(run_async(function, arguments), loop).result()
    except Exception as error:
        raise as_remote(error) from error


def is_async(function: Callable[..., Any]) -> bool:
    """Whether an own tool runs on an event loop."""
    return inspect.iscoroutinefunction(function) or is_stream(function)


def is_stream(function: Callable[..., Any]) -> bool:
    """Whether an own tool hands its text out piece by piece."""
    return inspect.isasyncgenfunction(function)


async def run_async(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """The result of an own tool that is async; of a stream that is its whole text."""
    if is_stream(function):
        return await joined(function.__name__, function(**arguments))
    return await function(**arguments)


def as_remote(error: Exception) -> RuntimeError:
    """What the caller of a remote tool would see of `error`."""
    raise_superseded(error)
    return error if isinstance(error, RuntimeError) else RuntimeError(str(error))


def raise_superseded(error: Exception) -> None:
    """Raises `SupersededError` when that is what a tool's error says."""
    if "claim_superseded" not in str(error):
        return
    from mesh.calling.superseded import SupersededError, detail_of

    is_superseded, detail = detail_of(str(error))
    if is_superseded:
        raise SupersededError(detail) from None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
