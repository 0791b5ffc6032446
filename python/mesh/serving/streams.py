"""Tools that stream, as MCP has it: each piece is a progress notification, the text the result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fastmcp.server.dependencies import get_context

from mesh.calling.streams import closing, text
from mesh.declaring.catalogue import ToolDeclaration


def servable(declaration: ToolDeclaration) -> Callable[..., Any]:
    """What FastMCP serves for a declared tool: its wrapper, or one around the stream that it is."""
    if not declaration.signature.is_stream:
        return declaration.wrapper

    async def serve(**arguments: Any) -> str:
        context = get_context()
        whole: list[str] = []
        pieces = declaration.wrapper(**arguments)
        async with closing(pieces):
            async for piece in pieces:
                whole.append(text(declaration.name, piece))
                # Says nothing to a client that has not asked for progress.
                await context.report_progress(len(whole), message=piece)
        return "".join(whole)

    served: Any = functools.wraps(declaration.wrapper)(serve)
    served.__signature__ = declaration.signature.visible
    return served  # type: ignore[no-any-return]
