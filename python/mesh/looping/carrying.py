"""What a call needs of its own loop when it runs in another one: FastMCP's `Context`."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from fastmcp import Context
from fastmcp.server.context import set_context
from fastmcp.server.dependencies import get_context

from mesh.looping.crossing import cross


def carried(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[], Any]:
    """The call as a function that may be called in any loop."""
    try:
        context = get_context()
    except RuntimeError:
        return functools.partial(function, *args, **kwargs)  # Nobody is served: a job, for example.
    if isinstance(context, _Distant):
        return functools.partial(function, *args, **kwargs)  # A tool calls another one.
    distant = _distant(context)
    args = tuple(distant if each is context else each for each in args)
    kwargs = {name: distant if each is context else each for name, each in kwargs.items()}

    def begin() -> Any:
        # The context variables are a copy that only this call has.
        set_context(distant).__enter__()
        return function(*args, **kwargs)

    return begin


class _Distant(Context):
    """A `Context` whose methods send from the loop that the request came in."""


def _distant(context: Context) -> Context:
    distant = copy.copy(context)
    distant.__class__ = _Distant
    vars(distant)["_mesh_home"] = context, asyncio.get_running_loop()
    return distant


def _sending(name: str, method: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def send(self: _Distant, *args: Any, **kwargs: Any) -> Any:
        context, home = vars(self)["_mesh_home"]
        return await cross(home, functools.partial(getattr(context, name), *args, **kwargs))

    return send


for _name, _method in inspect.getmembers(Context, inspect.iscoroutinefunction):
    if not _name.startswith("__"):
        setattr(_Distant, _name, _sending(_name, _method))
