"""The catalogue: everything that this process has declared with the decorators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mesh.declaring.llm import LlmFunction
from mesh.declaring.location import UNKNOWN, Location
from mesh.declaring.selectors import Selector
from mesh.declaring.signatures import Injected, ToolSignature
from mesh.declaring.tasks import Task
from mesh.services.views import ServiceView

if TYPE_CHECKING:
    from mesh.consuming.client import A2AClient
    from mesh.surfaces.surface import Surface


@dataclass(slots=True)
class AgentDeclaration:
    """The arguments of `@mesh.agent`."""

    name: str
    version: str | None = None
    description: str | None = None
    http_host: str | None = None
    http_port: int | None = None
    enable_http: bool | None = None
    namespace: str | None = None
    heartbeat_interval: int | None = None
    health_check: Callable[[], Any] | None = None
    health_check_ttl: int | None = None
    startup_check: Callable[[], Any] | None = None
    auto_run: bool | None = None
    auto_run_interval: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    location: Location = UNKNOWN


@dataclass(slots=True)
class ToolDeclaration:
    """A function and the arguments of its `@mesh.tool` or `@mesh.route`."""

    function: Callable[..., Any]
    name: str
    signature: ToolSignature
    capability: str | None
    version: str
    description: str | None
    tags: tuple[str, ...]
    dependencies: tuple[Selector, ...]
    output_schema_strict: bool
    kwargs: Mapping[str, Any]
    location: Location
    # Set when it works on jobs.
    task: Task | None = None
    # What asks an A2A agent outside of the mesh, if it does.
    a2a: A2AClient | None = None
    # Set when it asks an LLM; `@mesh.llm` may come after `@mesh.tool`.
    llm: LlmFunction | None = None
    # Says what has to be installed before the agent can start, if anything.
    missing: Callable[[], str | None] | None = None
    # The name that FastMCP gives it, which may differ; known when the agent starts.
    mcp_name: str = field(init=False)
    # What the decorator returned: the function with its dependencies filled in.
    wrapper: Callable[..., Any] = field(init=False)
    # For each dependency the parameter that it fills, or the service of which it is a method.
    owners: tuple[Injected | None, ...] = field(init=False)
    # By parameter, a service and the index of its first method among the dependencies.
    views: Mapping[str, tuple[ServiceView, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.mcp_name = self.name
        self.wrapper = self.function
        owners: list[Injected | None] = list(self.signature.slots[: len(self.dependencies)])
        views: dict[str, tuple[ServiceView, int]] = {}
        for extra in self.signature.extras:
            if extra.view is not None:
                views[extra.name] = (extra.view, len(owners))
                owners += [extra] * len(extra.view.edges)
        owners += [None] * (len(self.dependencies) - len(owners))
        self.owners, self.views = tuple(owners), views


class ClashError(ValueError):
    """Two declarations cannot be in one agent; the message names both places."""

    tells_places = True


class Catalogue:
    """What has been declared so far. One instance serves the process: `catalogue`.

    Two declarations of one file that clash are refused at once. Of two files they are refused when
    an agent starts: a test may import any number of agents.
    """

    def __init__(self) -> None:
        self._clash: ClashError | None = None
        self.agent: AgentDeclaration | None = None
        # All that were declared, by the file in which that was.
        self.agents: dict[str, AgentDeclaration] = {}
        self.tools: dict[str, ToolDeclaration] = {}
        # Endpoints of web applications; any number may share a name, and even their lines.
        self.routes: list[ToolDeclaration] = []
        # Skills for agents outside the mesh, by their path.
        self.surfaces: dict[str, Surface] = {}

    def add_agent(self, declaration: AgentDeclaration) -> None:
        """Keeps the agent; a second, different one is a `ClashError`."""
        former = self.agent
        if former is not None and former.location != declaration.location:
            clash = ClashError(
                f"a process has one @mesh.agent: `{former.name}` is declared at "
                f"{former.location}, `{declaration.name}` at {declaration.location}"
            )
            self._refuse(clash, former.location, declaration.location)
        self.agent = declaration
        self.agents[declaration.location.file] = declaration

    def add_tool(self, declaration: ToolDeclaration) -> None:
        """Keeps the tool. The same lines of the same file may come again: a script that is also
        imported by its name, or a reload; the later one wins."""
        former = self.tools.get(declaration.name)
        if former is not None and former.location != declaration.location:
            clash = ClashError(
                f"two functions are both the tool `{declaration.name}`: one is at "
                f"{former.location}, the other at {declaration.location}; rename one of them"
            )
            self._refuse(clash, former.location, declaration.location)
        self.tools[declaration.name] = declaration

    def add_route(self, declaration: ToolDeclaration) -> None:
        """Keeps an endpoint of a web application."""
        self.routes.append(declaration)

    def add_surface(self, surface: Surface) -> None:
        """Keeps a skill; a second one with its path, or of its function's name, is a
        `ClashError`."""
        location = surface.handler.location
        for former in self.surfaces.values():
            if former.handler.location == location:
                continue
            if surface.path == former.path or surface.handler.name == former.handler.name:
                clash = ClashError(
                    f"two skills share their path or their function's name: `{former.handler.name}`"
                    f" at {former.path} is declared at {former.handler.location}, "
                    f"`{surface.handler.name}` at {surface.path} at {location}"
                )
                self._refuse(clash, former.handler.location, location)
        self.surfaces[surface.path] = surface

    def check(self) -> None:
        """Raises the `ClashError` because of which this process can be no agent."""
        if self._clash is not None:
            raise self._clash

    def _refuse(self, clash: ClashError, former: Location, later: Location) -> None:
        if former.file == later.file:
            raise clash
        self._clash = self._clash or clash

    def clear(self) -> None:
        """Forgets everything, for tests."""
        self._clash = None
        self.agent = None
        self.agents.clear()
        self.tools.clear()
        self.routes.clear()
        self.surfaces.clear()


catalogue = Catalogue()
