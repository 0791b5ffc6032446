"""Fills the parameters of a call that ask an LLM."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mesh.asking.agents import AsyncLlmAgent, BlockingLlmAgent
from mesh.declaring.signatures import Kind

if TYPE_CHECKING:
    from mesh.asking.agents import Asking
    from mesh.calling.injection import Filling


async def fill(call: Filling) -> None:
    """Waits, while the mesh settles, for a provider; without one the parameters are None."""
    names = _open(call)
    if not names:
        return
    provider = None
    member, function = call.member, call.declaration.mcp_name
    if member is not None and call.declaration.llm is not None:
        provider = member.agent.llm_provider(function)
        if provider is None:
            future = asyncio.get_running_loop().create_future()
            member.agent.await_llm_provider(function, future)
            provider = await future
    _place(call, names, provider, AsyncLlmAgent)


def fill_blocking(call: Filling) -> None:
    """The same in the tool's own thread."""
    names = _open(call)
    if not names:
        return
    provider = None
    member, function = call.member, call.declaration.mcp_name
    if member is not None and call.declaration.llm is not None:
        provider = member.agent.llm_provider(function)
        if provider is None:
            provider = member.agent.wait_llm_provider(function)
    _place(call, names, provider, BlockingLlmAgent)


def _open(call: Filling) -> list[str]:
    """The parameters that the caller has not supplied."""
    return [
        each.name
        for each in call.declaration.signature.extras
        if each.kind is Kind.LLM and call.supplied(each.name) is None
    ]


def _place(
    call: Filling, names: list[str], provider: Mapping[str, Any] | None, kind: type[Asking]
) -> None:
    for name in names:
        call.set(name, None)
    member = call.member
    if provider is None or member is None:
        return
    context = _value(call, member.llm.requests(call.declaration).context_param)
    for name in names:
        call.set(name, kind(call, member, provider, context))


def _value(call: Filling, name: str | None) -> Any:
    if name is None:
        return None
    signature = inspect.signature(call.declaration.function)
    arguments = signature.bind_partial(*call.args, **call.kwargs)
    arguments.apply_defaults()
    return arguments.arguments.get(name)
