"""What else an agent can be asked through MCP: its tools, resources and prompts.

Answers are the objects of the package `mcp`, as its own client returns them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mesh.calling.calls import request
from mesh.calling.membership import to_json

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.calling.membership import Membership

# Pages of a list that are read at most: a server that never ends its list must not keep us.
MOST_PAGES = 100


async def ask(
    membership: Membership, target: Target, method: str, params: Mapping[str, Any]
) -> Any:
    """The result of an MCP method, as it is on the wire; a failure is a `RuntimeError`."""
    future = asyncio.get_running_loop().create_future()
    prepared = request(membership, target, to_json(params), None)
    handle = membership.agent.request(target, method, prepared, future)
    try:
        return await future
    except asyncio.CancelledError:
        handle.cancel()
        raise


async def list_tools(membership: Membership, target: Target) -> list[Any]:
    """The tools of the target's agent, as `mcp.types.Tool`."""
    from mcp.types import ListToolsResult

    pages = await _pages(membership, target, "tools/list")
    return [tool for page in pages for tool in ListToolsResult.model_validate(page).tools]


async def list_resources(membership: Membership, target: Target) -> list[Any]:
    """The resources of the target's agent, as `mcp.types.Resource`."""
    from mcp.types import ListResourcesResult

    pages = await _pages(membership, target, "resources/list")
    return [each for page in pages for each in ListResourcesResult.model_validate(page).resources]


async def read_resource(membership: Membership, target: Target, uri: str) -> list[Any]:
    """The contents of a resource, as `mcp.types.TextResourceContents` or `Blob…`."""
    from mcp.types import ReadResourceResult

    answer = await ask(membership, target, "resources/read", {"uri": uri})
    return list(ReadResourceResult.model_validate(answer).contents)


async def list_prompts(membership: Membership, target: Target) -> list[Any]:
    """The prompts of the target's agent, as `mcp.types.Prompt`."""
    from mcp.types import ListPromptsResult

    pages = await _pages(membership, target, "prompts/list")
    return [each for page in pages for each in ListPromptsResult.model_validate(page).prompts]


async def get_prompt(
    membership: Membership, target: Target, name: str, arguments: Mapping[str, Any] | None
) -> Any:
    """A prompt with its arguments filled in, as `mcp.types.GetPromptResult`."""
    from mcp.types import GetPromptResult

    # To MCP the arguments of a prompt are texts.
    texts = {key: str(value) for key, value in (arguments or {}).items()}
    answer = await ask(membership, target, "prompts/get", {"name": name, "arguments": texts})
    return GetPromptResult.model_validate(answer)


async def _pages(membership: Membership, target: Target, method: str) -> list[Any]:
    pages: list[Any] = []
    params: dict[str, Any] = {}
    while len(pages) < MOST_PAGES:
        page = await ask(membership, target, method, params)
        pages.append(page)
        cursor = page.get("nextCursor")
        if not cursor:
            break
        params = {"cursor": cursor}
    return pages
