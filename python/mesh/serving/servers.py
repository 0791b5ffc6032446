"""FastMCP as the MCP server of the agent: the program's own instances, or one that we make."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastmcp import FastMCP
from fastmcp.server.middleware import Middleware
from fastmcp.tools import Tool

from mesh.calling.headers import HeaderRules, Inbound, inbound
from mesh.declaring.catalogue import Catalogue, ToolDeclaration
from mesh.declaring.location import Location
from mesh.serving.streams import servable
from mesh.tracing.trace import PARENT_HEADER, TRACE_HEADER

logger = logging.getLogger("mesh")

# Duplicates of headers that agents of earlier releases put between the arguments.
SMUGGLED = ("_trace_id", "_parent_span", "_mesh_headers")


class DuplicateToolError(ValueError):
    """Two functions would be served under one name."""


class MissingPackageError(ValueError):
    """A declared tool works only with a package that is not installed."""


class UnservableToolError(ValueError):
    """A declared tool has a signature of which FastMCP makes no tool."""


async def adopt(
    name: str, catalogue: Catalogue, main: Mapping[str, Any], headers: HeaderRules
) -> tuple[FastMCP[Any], dict[str, Tool]]:
    """The server that serves all declared tools, and these tools by their function's name.

    A tool that stands under `@app.tool()` is served as it is. One that stands above it has been
    registered without its dependencies filled in, and is replaced. One that was never registered is
    added.
    """
    for each in catalogue.tools.values():
        problem = each.missing() if each.missing else None
        if problem is not None:
            raise MissingPackageError(problem)
    servers = list(_servers(catalogue, main))
    server = servers[0] if servers else FastMCP(name)
    served: dict[str, Tool] = {}
    for candidate in servers:
        for tool in await candidate.list_tools(run_middleware=False):
            declaration = _declaration_of(tool, catalogue.tools.values())
            if declaration is None or declaration.name in served:
                continue
            adopted = _with_dependencies(tool, declaration)
            if candidate is not server:
                _refuse_duplicate(await _tool(server, tool.name), declaration)
            if adopted is not tool or candidate is not server:
                _replace(server, adopted)
            declaration.mcp_name = tool.name
            served[declaration.name] = adopted
    for declaration in catalogue.tools.values():
        if declaration.name not in served:
            _refuse_duplicate(await _tool(server, declaration.name), declaration)
            served[declaration.name] = server.add_tool(
                _tool_of(declaration, description=declaration.description)
            )
    server.add_middleware(_TakeOutSmuggled(headers))
    return server, served


def http_app(server: FastMCP[Any]) -> Any:
    """The server as an ASGI application, stateless, at `/mcp`."""
    options: dict[str, Any] = {"path": "/mcp", "stateless_http": True, "json_response": False}
    # Agents are called by whatever address the registry hands out, so a guard that compares host
    # names would turn them away. Releases before the guard do not know the option.
    if "host_origin_protection" in inspect.signature(server.http_app).parameters:
        options["host_origin_protection"] = False
    return server.http_app(**options)


def _servers(catalogue: Catalogue, main: Mapping[str, Any]) -> Iterator[FastMCP[Any]]:
    """The FastMCP instances of the main module and of those that declare tools; `app` first."""
    namespaces = [main]
    for declaration in catalogue.tools.values():
        module = sys.modules.get(declaration.function.__module__)
        if module is not None and vars(module) is not main:
            namespaces.append(vars(module))
    seen: set[int] = set()
    for namespace in namespaces:
        names = sorted(namespace, key=lambda name: name != "app")
        for value in (namespace[name] for name in names):
            if isinstance(value, FastMCP) and id(value) not in seen:
                seen.add(id(value))
                yield value


def _declaration_of(tool: Tool, declarations: Iterable[ToolDeclaration]) -> ToolDeclaration | None:
    function = getattr(tool, "fn", None)
    if function is None:
        return None
    declaration: ToolDeclaration | None = getattr(function, "__mesh_tool__", None)
    if declaration is not None:
        return declaration
    # Registered before `@mesh.tool` saw it, so only the function itself can tell.
    plain = inspect.unwrap(function)
    return next((each for each in declarations if inspect.unwrap(each.function) is plain), None)


def _with_dependencies(tool: Tool, declaration: ToolDeclaration) -> Tool:
    under_ours = getattr(getattr(tool, "fn", None), "__mesh_tool__", None) is not None
    if under_ours and not declaration.signature.is_stream:
        return tool
    fresh = _tool_of(declaration, name=tool.name)
    # What `@app.tool(...)` was told stays; what it read from the signature is read anew.
    read = {"fn": fresh.fn, "parameters": fresh.parameters}
    if declaration.signature.is_stream:
        read["output_schema"] = fresh.output_schema  # Of the text, not of the generator.
    return tool.model_copy(update=read)


def _tool_of(declaration: ToolDeclaration, **options: Any) -> Any:
    function = servable(declaration)
    try:
        return Tool.from_function(function, **options)
    except Exception as error:
        # What pydantic says after the first sentence is for authors of types.
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise UnservableToolError(
            f"the tool `{declaration.name}` at {declaration.location} cannot be served: {reason}; "
            "its parameters need names, and types that pydantic can read from JSON"
        ) from error


async def _tool(server: FastMCP[Any], name: str) -> Tool | None:
    tools = await server.list_tools(run_middleware=False)
    return next((tool for tool in tools if tool.name == name), None)


def _replace(server: FastMCP[Any], tool: Tool) -> None:
    try:
        server.local_provider.remove_tool(tool.name)
    except Exception:
        logger.debug("tool `%s` was not registered on this server", tool.name)
    server.add_tool(tool)


def _refuse_duplicate(other: Tool | None, declaration: ToolDeclaration) -> None:
    if other is None:
        return
    function = getattr(other, "fn", None)
    place = Location.of_function(function) if function else "an unknown place"
    raise DuplicateToolError(
        f"two functions are both the tool `{other.name}`: one is at {place}, the other at "
        f"{declaration.location}; rename one of them"
    )


class _TakeOutSmuggled(Middleware):
    """Takes out of the arguments what earlier releases add, before FastMCP validates them."""

    def __init__(self, headers: HeaderRules) -> None:
        self._headers = headers

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        arguments = context.message.arguments
        if not arguments or not any(name in arguments for name in SMUGGLED):
            return await call_next(context)
        copies = [
            (TRACE_HEADER, arguments.get("_trace_id")),
            (PARENT_HEADER, arguments.get("_parent_span")),
        ]
        headers = arguments.get("_mesh_headers")
        if isinstance(headers, Mapping):
            copies.extend(headers.items())
        context.message.arguments = {
            name: value for name, value in arguments.items() if name not in SMUGGLED
        }
        # Real headers win over their copies.
        known = inbound.get()
        copied = self._headers.capture(
            (str(name), str(value)) for name, value in copies if value is not None
        )
        request = Inbound(
            {**copied.headers, **known.headers},
            known.timeout or copied.timeout,
            known.dispatch,  # A job is handed over by real headers only.
            known.trace or copied.trace,
        )
        token = inbound.set(request)
        try:
            return await call_next(context)
        finally:
            inbound.reset(token)
