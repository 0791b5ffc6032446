"""The two ends of a server's lifespan, for what has to come and go with a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mesh.serving.requests import Asgi, Message, Receive, Scope, Send


async def accompany(
    application: Asgi,
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    started: Callable[[], None],
    ended: Callable[[], Awaitable[None]],
) -> None:
    """Passes a lifespan on. `started` is called when the application has started, just before its
    server listens; `ended`, perhaps twice, when all requests have been answered and before the
    application ends."""

    async def receive_first() -> Message:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await ended()
        return message

    async def send_first(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            started()
        await send(message)

    try:
        await application(scope, receive_first, send_first)
    finally:
        await ended()
