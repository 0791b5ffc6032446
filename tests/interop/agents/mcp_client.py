"""Asks the server at ENDPOINT with the official client; prints what it saw as JSON."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client


async def look(endpoint: str) -> dict[str, Any]:
    heard: list[Any] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append([progress, total, message])

    async with AsyncExitStack() as stack:
        # Releases before 2 hand out a third thing.
        streams = await stack.enter_async_context(streamable_http_client(f"{endpoint}/mcp"))
        session = await stack.enter_async_context(ClientSession(*streams[:2]))
        await session.initialize()
        tools = [written(tool) for tool in (await session.list_tools()).tools]

        async def call(name: str, /, **arguments: Any) -> dict[str, Any]:
            answer = await session.call_tool(name, arguments, progress_callback=on_progress)
            return written(answer)

        return {
            "tools": {tool["name"]: tool["inputSchema"] for tool in tools},
            "ask": await call("ask", name="you"),
            "count": [await call("count", to=3), heard.copy(), heard.clear()][:2],
            "tell": [await call("tell"), heard.copy()],
            "fail": await call("fail"),
            "wrong": await call("ask", nme="you"),
            "unknown": await call_unknown(session),
        }


async def call_unknown(session: ClientSession) -> str:
    """What a tool that is not there is called; an answer or an error, as the release has it."""
    try:
        answer = written(await session.call_tool("nobody", {}))
    except Exception as error:
        return str(error)
    assert answer["isError"], answer
    return str(answer["content"][0]["text"])


def written(message: Any) -> dict[str, Any]:
    """As it is on the wire."""
    found: dict[str, Any] = message.model_dump(by_alias=True, mode="json", exclude_none=True)
    return found


print(json.dumps(asyncio.run(look(sys.argv[1]))))
