"""What the registry is told of functions that ask an LLM."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mesh.asking.overrides import LlmOverrides
from mesh.declaring.catalogue import ToolDeclaration
from mesh.declaring.llm import LlmFunction
from mesh.thinking.wire import DEFAULT_MAX_ITERATIONS, STREAM_TAG

Fields = dict[str, Any]


def of_tool(declaration: ToolDeclaration, overrides: LlmOverrides) -> Fields:
    """The fields of a tool, by which the registry chooses; none if it asks no LLM."""
    declared = declaration.llm
    if declared is None:
        return {}
    fields: Fields = {}
    mode = overrides.filter_mode or declared.filter_mode
    if declared.filter is not None or mode == "*":
        wanted = [] if declared.filter is None else declared.filter
        fields["llm_filter"] = {
            "filter": wanted if isinstance(wanted, list) else [wanted],
            "filter_mode": mode,
        }
    fields["llm_provider"] = {
        **_provider(declared, is_stream=declaration.signature.is_stream),
        "version": declared.provider.version,
        "namespace": declared.provider.namespace,
    }
    return fields


def of_agent(declarations: Iterable[ToolDeclaration], overrides: LlmOverrides) -> Fields:
    """The field of the agent, which lists these functions; none if there are none."""
    agents = []
    for declaration in declarations:
        declared = declaration.llm
        if declared is not None:
            fields: Fields = {
                "function_id": declared.function_id(declaration.name),
                "provider": _provider(declared, is_stream=declaration.signature.is_stream),
            }
            if declared.filter is not None:
                fields["filter"] = declared.filter
            fields["filter_mode"] = overrides.filter_mode or declared.filter_mode
            limit = overrides.max_iterations or declared.max_iterations
            agents.append(fields | {"max_iterations": limit or DEFAULT_MAX_ITERATIONS})
    return {"llm_agents": agents} if agents else {}


def _provider(declared: LlmFunction, *, is_stream: bool) -> Fields:
    """Capability and tags. Providers come in pairs: one answers at once, one in pieces."""
    tags = [tag if isinstance(tag, str) else list(tag) for tag in declared.provider.tags]
    kind = STREAM_TAG if is_stream else f"-{STREAM_TAG}"
    return {
        "capability": declared.provider.capability,
        "tags": tags if kind in tags else [*tags, kind],
    }
