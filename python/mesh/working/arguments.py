"""A job's payload as the arguments of its handler, checked as those of a call are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from mesh.calling.membership import Membership
    from mesh.declaring.catalogue import ToolDeclaration
    from mesh.working.claims import Work
    from mesh.working.requests import Fields


def handler_of(member: Membership, declaration: ToolDeclaration) -> Work:
    """What works on the jobs of a task."""
    handler = member.own_tools[declaration.mcp_name]
    if handler is not declaration.wrapper:
        # FastMCP checks them, and injects what it knows.
        return lambda arguments: handler(**arguments)
    function: Any = declaration.wrapper
    adapter: TypeAdapter[Any] = TypeAdapter(function)

    async def work(arguments: Fields) -> Any:
        return await adapter.validate_python(arguments)

    return work
