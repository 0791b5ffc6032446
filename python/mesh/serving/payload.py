"""The registration: what the registry is told about this agent, as its wire format spells it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mesh.asking import advertised
from mesh.declaring.catalogue import ToolDeclaration
from mesh.declaring.selectors import Selector
from mesh.serving import schemas
from mesh.serving.settings import Address, Settings
from mesh.surfaces.surface import Surface

if TYPE_CHECKING:
    from fastmcp.tools import Tool

Fields = dict[str, Any]


class SchemaError(ValueError):
    """A tool's schema cannot be compared, and the agent must not start with it."""


def registration(
    settings: Settings,
    address: Address,
    tools: Mapping[str, tuple[ToolDeclaration, Mapping[str, Any]]],
    helpers: Iterable[Tool] = (),
) -> Fields:
    """The whole payload; `tools` are the declarations with FastMCP's input schemas, `helpers` what
    every agent serves beside them."""
    described = [
        _tool(declaration, parameters, settings) | advertised.of_tool(declaration, settings.llm)
        for declaration, parameters in tools.values()
    ]
    described += [_helper(tool) for tool in helpers]
    declarations = [declaration for declaration, _ in tools.values()]
    return _agent(settings, "mcp_agent", address) | {
        "tools": described,
        **advertised.of_agent(declarations, settings.llm),
        "a2a_producer": False,
        "a2a_consumer": any(each.a2a is not None for each in declarations),
    }


def route_registration(
    settings: Settings, address: Address, routes: Mapping[str, ToolDeclaration]
) -> Fields:
    """The payload of a web application. `routes` are its endpoints by `METHOD:/path`; those that
    need nothing of the mesh are nothing to it either."""
    return _agent(settings, "api", address) | {
        "tools": [consumer(name, each) for name, each in routes.items() if each.dependencies],
        "a2a_producer": False,
        "a2a_consumer": False,
    }


def surface_registration(
    settings: Settings, address: Address, surfaces: Iterable[Surface]
) -> Fields:
    """The payload of an application whose endpoints are skills."""
    surfaces = tuple(surfaces)
    # A function may be the handler of two skills.
    handlers = {each.handler.name: each.handler for each in surfaces if each.handler.dependencies}
    return _agent(settings, "a2a", address) | {
        "tools": [consumer(name, each) for name, each in handlers.items()],
        "surfaces": [_surface(each) for each in surfaces],
        "a2a_producer": True,
        "a2a_consumer": False,
    }


def consumer(name: str, declaration: ToolDeclaration) -> Fields:
    """A function that nobody in the mesh can call, and that needs others."""
    fields: Fields = {"function_name": name, "capability": "", "version": declaration.version}
    if declaration.tags:
        fields["tags"] = list(declaration.tags)
    if declaration.description:
        fields["description"] = declaration.description
    fields["dependencies"] = [_dependency(each) for each in declaration.dependencies]
    return fields


def _surface(surface: Surface) -> Fields:
    fields: Fields = {
        "path": surface.path,
        "skill_id": surface.skill_id,
        "name": surface.skill_name,
    }
    if surface.description:
        fields["description"] = surface.description
    fields["input_modes"] = list(surface.input_modes)
    fields["output_modes"] = list(surface.output_modes)
    if surface.tags:
        fields["tags"] = list(surface.tags)
    return fields


def _agent(settings: Settings, agent_type: str, address: Address) -> Fields:
    fields: Fields = {
        "agent_id": settings.agent_id,
        "name": settings.name,
        "agent_type": agent_type,
        "version": settings.version,
    }
    if settings.description:
        fields["description"] = settings.description
    fields |= {"http_host": address.host, "http_port": address.port}
    if address.scheme != "http":
        # Agents of release 3 have no such field, and its registries do not read it.
        fields["http_scheme"] = address.scheme
    return fields | {"namespace": settings.namespace, "status": "healthy", "runtime": "python"}


def _tool(
    declaration: ToolDeclaration, parameters: Mapping[str, Any], settings: Settings
) -> Fields:
    fields: Fields = {
        "function_name": declaration.mcp_name,
        "capability": declaration.capability or "",
        "version": declaration.version,
    }
    tags = list(declaration.tags)
    # Says which of several ways to a foreign agent this is. An id is no name to ask for.
    if declaration.a2a is not None and settings.name != settings.agent_id:
        tags.append(settings.name)
    if tags:
        fields["tags"] = tags
    description = declaration.description or inspect.getdoc(declaration.function)
    if description:
        fields["description"] = description
    if declaration.dependencies:
        fields["dependencies"] = [_dependency(each) for each in declaration.dependencies]
    output = schemas.of_type(declaration.signature.visible.return_annotation)
    is_strict = settings.schema_strict and declaration.output_schema_strict
    fields |= schema_fields(declaration.name, parameters, output, strict=is_strict)
    fields["kwargs"] = {
        "task": declaration.task is not None,
        "resume_cursor": declaration.task is not None and declaration.task.resume_cursor,
        **({"stream_type": "text"} if declaration.signature.is_stream else {}),
        **declaration.kwargs,
        "function_name": declaration.mcp_name,
    }
    return fields


def _helper(tool: Tool) -> Fields:
    fields: Fields = {
        "function_name": tool.name,
        "capability": tool.name,
        "version": "1.0.0",
        "tags": ["mesh-jobs", "framework"],
        "description": tool.description,
    }
    fields |= schema_fields(tool.name, tool.parameters, tool.output_schema, strict=False)
    fields["kwargs"] = {"function_name": tool.name, "framework_internal": True}
    return fields


def schema_fields(
    name: str,
    parameters: Mapping[str, Any],
    output: Mapping[str, Any] | None,
    *,
    strict: bool,
) -> Fields:
    """A tool's schemas, also in the form in which they are compared, and what got lost in that."""
    fields: Fields = {}
    forms: Fields = {}
    warnings: list[str] = []
    for direction, schema in (("input", parameters), ("output", output)):
        if schema is None:
            continue
        fields[f"{direction}Schema"] = dict(schema)
        form, digest, lost, verdict = schemas.canonical(schema)
        if verdict == "BLOCK":
            reason = f"tool `{name}`: its {direction} schema: {'; '.join(lost)}"
            if strict:
                raise SchemaError(reason)
            warnings.append(reason)
            continue
        forms[f"{direction}SchemaCanonical"] = form
        forms[f"{direction}SchemaHash"] = digest
        warnings.extend(lost)
    fields |= forms
    if warnings:
        fields["schemaWarnings"] = warnings
    return fields


def _dependency(selector: Selector) -> Fields:
    fields: Fields = {"capability": selector.capability}
    if selector.tags:
        fields["tags"] = [tag if isinstance(tag, str) else list(tag) for tag in selector.tags]
    if selector.version is not None:
        fields["version"] = selector.version
    schema = None if selector.expected_type is None else schemas.expected(selector.expected_type)
    if schema is not None:
        form, digest, _lost, verdict = schemas.canonical(schema)
        if verdict != "BLOCK":
            fields["expectedSchemaCanonical"] = form
            fields["expectedSchemaHash"] = digest
            fields["matchMode"] = selector.match_mode or "subset"
    if selector.required:
        fields["required"] = True
    return fields
