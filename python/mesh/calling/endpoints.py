"""Fills in the dependencies of a route when it is requested.

The endpoint itself is wrapped, so FastAPI sees an ordinary function with the visible parameters and
keeps everything that it does with these.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from mesh.calling.injection import Filling, annotations_of
from mesh.calling.streams import closing, pieces_of

if TYPE_CHECKING:
    from mesh.declaring.catalogue import ToolDeclaration

# Proxies must not collect a stream before they pass it on.
STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
LINE_END = re.compile(r"\r\n|\r|\n")


def wrap_endpoint(declaration: ToolDeclaration) -> Callable[..., Any]:
    """The endpoint with its dependencies filled in at each request.

    A missing required one answers 503 with the capability's name; a stream does not wait for any.
    """
    function = declaration.function
    wrapper: Any

    if declaration.signature.is_stream:

        async def stream(*args: Any, **kwargs: Any) -> Any:
            from fastapi.responses import StreamingResponse

            call = EndpointFilling(declaration, args, kwargs)
            call.fill_at_once()
            pieces = pieces_of(function(*call.args, **call.kwargs))
            return StreamingResponse(
                server_sent_events(call.span().around(pieces)),
                media_type="text/event-stream",
                headers=STREAM_HEADERS,
            )

        wrapper = stream
    elif inspect.iscoroutinefunction(function):

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            call = EndpointFilling(declaration, args, kwargs)
            with call.span() as span:
                try:
                    await call.fill()
                except UnavailableError as missing:
                    return missing.response()
                return span.returned(await function(*call.args, **call.kwargs))

        wrapper = call_async
    else:

        def call_blocking(*args: Any, **kwargs: Any) -> Any:
            call = EndpointFilling(declaration, args, kwargs)
            with call.span() as span:
                try:
                    call.fill_blocking()
                except UnavailableError as missing:
                    return missing.response()
                return span.returned(function(*call.args, **call.kwargs))

        wrapper = call_blocking

    functools.update_wrapper(wrapper, function)
    visible = declaration.signature.visible
    if declaration.signature.is_stream:
        # The answer is a response, and no generator, which FastAPI would serve in a way of its own.
        visible = visible.replace(return_annotation=inspect.Signature.empty)
        del wrapper.__wrapped__
    wrapper.__signature__ = visible
    wrapper.__annotations__ = annotations_of(visible)
    wrapper.__mesh_route__ = declaration
    return wrapper  # type: ignore[no-any-return]


class UnavailableError(Exception):
    """Nobody provides a dependency that the route requires."""

    def __init__(self, capability: str) -> None:
        super().__init__(capability)
        self.capability = capability

    def response(self) -> Any:
        """The answer to the client, by the body that clients of all agents compare."""
        from fastapi.responses import JSONResponse

        body = {"error": "dependency_unavailable", "capability": self.capability}
        return JSONResponse(body, status_code=503)


class EndpointFilling(Filling):
    """The arguments of one request's endpoint."""

    __slots__ = ()

    def refusal(self, capability: str) -> Exception:
        """What the wrapper turns into a response."""
        return UnavailableError(capability)

    def fill_at_once(self) -> None:
        """Fills in what is wired; for the others the endpoint gets None, required or not."""
        for index, parameter in self._open_slots():
            target = self._target(index)
            if target is not None or not self._needs_it(index, parameter):
                self._place(index, parameter, target, is_blocking=False)
            elif parameter is not None:
                self.set(parameter.name, None)


async def server_sent_events(pieces: AsyncIterator[Any]) -> AsyncIterator[str]:
    """The pieces of a text as events: a `data:` line for each of their lines, `[DONE]` at the end,
    or an event named `error` when the stream fails."""
    try:
        async with closing(pieces):
            async for piece in pieces:
                yield event(str(piece))
    except Exception as error:
        body = {"error": str(error), "type": type(error).__name__}
        yield f"event: error\ndata: {json.dumps(body)}\n\n"
    else:
        yield event("[DONE]")


def event(text: str) -> str:
    """One event. A line end at the end of the text adds no line."""
    lines = LINE_END.split(text)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return "".join(f"data: {line}\n" for line in lines) + "\n"
