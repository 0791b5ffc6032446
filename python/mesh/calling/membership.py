"""This process's membership in the mesh: the native agent, and what calls need beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mesh.asking.functions import LlmFunctions
from mesh.calling.headers import HeaderRules

if TYPE_CHECKING:
    import asyncio

    from mesh._mesh import Agent, Target
    from mesh.declaring.catalogue import ToolDeclaration
    from mesh.looping.loops import Loops
    from mesh.tracing.spans import Spans
    from mesh.working.workplace import Workplace


@dataclass(slots=True)
class Membership:
    """What an injected proxy works with while the agent runs."""

    agent: Agent
    agent_id: str
    # The agent's own tools by their MCP name, with their dependencies filled in.
    own_tools: Mapping[str, Callable[..., Any]]
    loop: asyncio.AbstractEventLoop
    headers: HeaderRules
    call_timeout: float
    # Where jobs are worked on, while this agent does.
    workplace: Workplace | None = None
    # None while tracing is off.
    spans: Spans | None = None
    llm: LlmFunctions = field(default_factory=LlmFunctions)
    # Where `async def` tools run; None is in place.
    loops: Loops | None = None

    def is_self(self, target: Target) -> bool:
        """Whether the target is a tool of this very process."""
        return target.agent_id == self.agent_id and target.function_name in self.own_tools

    def of(self, _tool: ToolDeclaration) -> Membership:
        """The membership as which a tool is called; `mesh.testing` has several."""
        return self


class _Current:
    """Holds the membership of the process, in which at most one agent runs."""

    membership: Membership | None = None


# Where `mesh.testing` has several agents in a process: the one as which a call runs.
_acting: ContextVar[Membership | None] = ContextVar("mesh_acting", default=None)


def current() -> Membership | None:
    """The membership of the running agent; None before the start and in unit tests."""
    return _acting.get() or _Current.membership


def enter(membership: Membership | None) -> None:
    """Makes `membership` the one of the process, or none."""
    _Current.membership = membership


@contextmanager
def acting_as(membership: Membership) -> Iterator[None]:
    """Has what is called in the block run as this agent."""
    token = _acting.set(membership)
    try:
        yield
    finally:
        _acting.reset(token)


def to_json(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call as JSON; models, dates and the like as pydantic writes them."""
    try:
        # The C encoder is the fastest there is for plain values.
        return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    except TypeError:
        from pydantic_core import to_json as to_json_with_models

        return to_json_with_models(arguments).decode()
