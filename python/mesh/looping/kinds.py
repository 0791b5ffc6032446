"""Which `async def` functions never wait, so that all they can do to an event loop is block it."""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import CodeType
from typing import Any

import mesh

OURS = f"{Path(mesh.__file__).parent}{os.sep}"
# What `await`, `async for` and `async with` are compiled to.
WAITING = frozenset({"GET_AWAITABLE", "GET_AITER", "GET_ANEXT", "BEFORE_ASYNC_WITH"})
# What code names that takes hold of its event loop, or wakes what waits in it.
LOOP_NAMES = frozenset(
    {
        "asyncio",
        "anyio",
        "call_at",
        "call_later",
        "call_soon",
        "create_task",
        "ensure_future",
        "get_event_loop",
        "get_nowait",
        "get_running_loop",
        "put_nowait",
        "set_exception",
        "set_result",
        "start_soon",
    }
)
# Packages whose objects belong to one event loop, or to the thread that they were made in.
BOUND = frozenset({"asyncio", "_asyncio", "anyio", "sqlite3", "uvloop"})
# Built-in functions that end at once.
QUICK: frozenset[Any] = frozenset(
    {abs, bool, bytes, chr, dict, float, format, frozenset, hash, hex, int, isinstance, issubclass}
    | {len, list, max, min, ord, repr, round, set, sorted, str, tuple, type}
)
# How many parts of a value are looked at.
MANY = 100


def may_only_block(function: Callable[..., Any]) -> bool:
    """Whether a coroutine function is better run in a thread, as a `def` function is.

    Its code holds no `await`, `async for` or `async with`, so nothing else runs in its event loop
    until it ends. And it may take long, which code that calls nothing and has no loop does not.

    It names neither its event loop nor, as a variable of its module, an object that belongs to the
    loop or to one thread: what such code starts or wakes is with the rest of the program, whose
    lifespan ran in that loop.
    """
    while isinstance(function, functools.partial):
        function = function.func
    code = _code(function)
    if code is None or not code.co_flags & inspect.CO_COROUTINE:
        return False
    if any(each.opname in WAITING for each in dis.get_instructions(code)):
        return False
    return not _is_quick(function, code) and not any(map(_is_bound, _layers(function)))


def is_ours(function: Callable[..., Any]) -> bool:
    """Whether a function is of this package, as LLM providers are: it does not block, and keeps
    connections in the loop that it runs in."""
    code = _code(function)
    return code is not None and code.co_filename.startswith(OURS)


def _is_quick(function: Callable[..., Any], code: CodeType) -> bool:
    """Whether code works on its arguments and on plain data, once, and calls nothing else."""
    if code.co_freevars or any(isinstance(each, CodeType) for each in code.co_consts):
        return False
    # What FastMCP is to inject, a database for example, stands as a default.
    defaults = [getattr(function, "__defaults__", None), getattr(function, "__kwdefaults__", None)]
    if not _is_data(defaults):
        return False
    variables = getattr(function, "__globals__", {})
    for each in dis.get_instructions(code):
        if "BACKWARD" in each.opname or each.opname == "IMPORT_NAME":
            return False
        if each.opname == "LOAD_GLOBAL" and not _is_harmless(variables, each.argval):
            return False
    return True


def _is_harmless(variables: Mapping[str, Any], name: str) -> bool:
    if name in variables:
        return _is_data(variables[name])
    value = getattr(builtins, name, None)
    return value in QUICK or (isinstance(value, type) and issubclass(value, BaseException))


def _is_data(value: Any, depth: int = 3) -> bool:
    """Whether a value is plain data, by what it holds first."""
    if type(value) in (list, tuple, set, frozenset):
        parts = [*islice(value, MANY)]
    elif type(value) is dict:
        parts = [*islice(value.values(), MANY)]
    else:
        return value is None or type(value) in (str, bytes, int, float, bool)
    return depth > 0 and all(_is_data(part, depth - 1) for part in parts)


def _layers(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A function and what decorators have wrapped in it."""
    seen: set[int] = set()
    while function is not None and id(function) not in seen:
        seen.add(id(function))
        yield function
        function = getattr(function, "__wrapped__", None)  # type: ignore[assignment]


def _code(function: Callable[..., Any]) -> CodeType | None:
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _is_bound(function: Callable[..., Any]) -> bool:
    code = _code(function)
    if code is None:
        return False
    names = set(_names(code))
    if names & LOOP_NAMES:
        return True
    variables = getattr(function, "__globals__", {})
    values = [variables[name] for name in names if name in variables]
    for cell in getattr(function, "__closure__", None) or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:
            continue  # Not assigned yet.
    return any(type(value).__module__.partition(".")[0] in BOUND for value in values)


def _names(code: CodeType) -> Iterator[str]:
    """What the code names, that of functions inside it included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
