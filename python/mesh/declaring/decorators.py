"""The decorators. They check, record and return; nothing starts here."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mesh.calling.injection import wrap
from mesh.declaring.arguments import Arguments, drop_legacy
from mesh.declaring.catalogue import AgentDeclaration, ToolDeclaration, catalogue
from mesh.declaring.llm import llm_of
from mesh.declaring.location import Location
from mesh.declaring.places import declares
from mesh.declaring.selectors import parse_selectors
from mesh.declaring.signatures import analyse, check_counts
from mesh.declaring.tasks import task_of
from mesh.services.views import check_views
from mesh.serving.environment import read_flag
from mesh.serving.lifecycle import embed_when_declared, start_when_main_ends

T = TypeVar("T")


@declares("@mesh.agent")
def agent(
    name: str,
    *,
    version: str = "1.0.0",
    description: str | None = None,
    http_host: str | None = None,
    http_port: int = 0,
    enable_http: bool = True,
    namespace: str = "default",
    heartbeat_interval: int = 5,
    health_check: Callable[[], Any] | None = None,
    health_check_ttl: int = 15,
    startup_check: Callable[[], Any] | None = None,
    auto_run: bool = True,
    auto_run_interval: int = 10,
    **metadata: Any,
) -> Callable[[T], T]:
    """Declares the agent that this process is.

    The decorator returns its target. The agent starts when the main module has run to its end, so
    tools that are declared below belong to it as well; importing the module starts nothing.
    With `auto_run=False` the program runs its server itself: the agent registers when that starts,
    see `mesh.startup_status`.
    Environment variables win over the arguments; wrong arguments raise `ValueError`.
    """
    check = Arguments("@mesh.agent")
    drop_legacy(metadata)
    declaration = AgentDeclaration(
        name=check.name("name", name),
        version=check.text("version", version),
        description=check.text("description", description),
        http_host=check.text("http_host", http_host),
        http_port=check.integer("http_port", http_port, least=0, most=65535),
        enable_http=check.flag("enable_http", enable_http),
        namespace=check.text("namespace", namespace),
        heartbeat_interval=check.integer("heartbeat_interval", heartbeat_interval, least=1),
        health_check=check.function("health_check", health_check),
        health_check_ttl=check.integer("health_check_ttl", health_check_ttl, least=1),
        startup_check=check.function("startup_check", startup_check),
        auto_run=check.flag("auto_run", auto_run),
        auto_run_interval=check.integer("auto_run_interval", auto_run_interval, least=1),
        metadata=metadata,
    )

    def declare(target: T) -> T:
        declaration.location = Location.of_program()
        target._mesh_agent_metadata = {  # type: ignore[attr-defined]
            "name": declaration.name,
            "version": declaration.version,
            "description": declaration.description,
            "http_host": declaration.http_host,
            "http_port": declaration.http_port,
            "enable_http": declaration.enable_http,
            "namespace": declaration.namespace,
            "heartbeat_interval": declaration.heartbeat_interval,
            "health_check": declaration.health_check,
            "health_check_ttl": declaration.health_check_ttl,
            "startup_check": declaration.startup_check,
            "auto_run": declaration.auto_run,
            "auto_run_interval": declaration.auto_run_interval,
            **metadata,
        }
        if read_flag(os.environ, "MCP_MESH_ENABLED", default=True):
            catalogue.add_agent(declaration)
            start_when_main_ends(target.__module__)
            embed_when_declared(target.__module__)
        return target

    return declare


@declares("@mesh.tool")
def tool(
    capability: str | None = None,
    *,
    tags: Sequence[str] | None = None,
    version: str = "1.0.0",
    dependencies: Sequence[Any] | None = None,
    description: str | None = None,
    output_schema_strict: bool = True,
    task: bool = False,
    retry_on: tuple[type[BaseException], ...] | None = None,
    resume_cursor: bool = False,
    **kwargs: Any,
) -> Callable[[T], T]:
    """Declares a function as a tool of this agent, and what it needs from other agents.

    `dependencies[i]` is injected into the i-th parameter that is annotated as `McpMeshTool`; such
    parameters are hidden from MCP clients. Without a capability the tool is not offered to others.
    It stands above or below FastMCP's `@app.tool()`, or without one. Wrong arguments raise
    `ValueError`.

    With `task` it works on jobs, and a parameter annotated as `MeshJob` is the job: what it returns
    completes the job, an exception fails it, and one of `retry_on` gives it back for another
    attempt, which with `resume_cursor` goes on where this one has stopped reading events.
    """
    check = Arguments("@mesh.tool")
    if callable(capability):
        raise ValueError(
            "@mesh.tool takes arguments: write @mesh.tool() or @mesh.tool('capability')"
        )
    if capability is not None:
        check.name("capability", capability)
    drop_legacy(kwargs)
    check.plain(kwargs)
    checked_task = task_of(check, task=task, retry_on=retry_on, resume_cursor=resume_cursor)
    checked_tags = check.texts("tags", tags)
    checked_version = check.name("version", version)
    checked_description = check.text("description", description)
    selectors = parse_selectors(dependencies)
    strict = check.flag("output_schema_strict", output_schema_strict)

    def declare(target: T) -> T:
        # FastMCP can be told to return its own tool object from `@app.tool()`.
        function: Any = getattr(target, "fn", target)
        if not inspect.isroutine(function):
            raise ValueError(f"@mesh.tool decorates functions, got {target!r}")
        if checked_task is not None and not inspect.iscoroutinefunction(function):
            raise ValueError(
                f"@mesh.tool: a task is an `async def` function, and `{function.__name__}` is not: "
                "write `async def`, or leave out task=True"
            )
        signature = analyse(function, len(selectors), is_task=checked_task is not None)
        views = [each.view for each in signature.extras if each.view is not None]
        check_views(function, views, (len(signature.slots), len(selectors)))
        check_counts(
            function.__name__,
            len(signature.slots),
            len(selectors),
            strict=read_flag(os.environ, "MCP_MESH_STRICT_DI", default=False),
        )
        declaration = ToolDeclaration(
            function=function,
            name=function.__name__,
            signature=signature,
            capability=capability,
            version=checked_version,
            description=checked_description,
            tags=checked_tags,
            dependencies=(*selectors, *(edge for view in views for _, edge in view.edges)),
            output_schema_strict=strict is not False,
            kwargs=kwargs,
            location=Location.of_function(function),
            task=checked_task,
            llm=llm_of(function),
        )
        if not read_flag(os.environ, "MCP_MESH_ENABLED", default=True):
            return target
        catalogue.add_tool(declaration)
        declaration.wrapper = wrap(declaration)
        start_when_main_ends(function.__module__)
        return target if target is not function else declaration.wrapper  # type: ignore[return-value]

    return declare
