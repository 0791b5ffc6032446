"""Follows the web applications of the program, with which agents start and end.

Neither Starlette nor FastAPI, which is built upon it, has a hook for an application that does not
exist yet. What is public is that applications are called, once for their lifespan and for each
request: this call is what the mesh follows, and nothing inside an application is touched.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mesh.calling.headers import HeaderRules
from mesh.declaring.catalogue import ClashError, ToolDeclaration, catalogue
from mesh.serving.embedded import embedded
from mesh.serving.embedding_server import EmbeddingServer
from mesh.serving.environment import SettingError
from mesh.serving.gateway import Gateway
from mesh.serving.gateway_settings import a2a_settings, api_settings, public_url_prefix
from mesh.serving.lifecycle import is_embedded
from mesh.serving.payload import route_registration, surface_registration
from mesh.serving.requests import Asgi, Receive, Scope, Send
from mesh.serving.routes import MisplacedRouteError, endpoints, mesh_routes
from mesh.serving.settings import resolve
from mesh.surfaces.mounting import mount_surfaces, mounted_surfaces

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mesh.surfaces.surface import Surface

logger = logging.getLogger("mesh")

# Marks what is being followed already, in the scope of mounted applications.
SCOPE_KEY = "mesh"
# Where an application keeps what follows it, or None.
STATE_NAME = "mesh"


class ApplicationError(Exception):
    """The application cannot be an agent; the message is for its author."""


class Follower(Protocol):
    """Comes and goes with an application, and sees its requests."""

    async def live(self, application: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the lifespan on."""

    async def serve(self, application: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""


def follow_applications() -> None:
    """From now on, agents of this program start and end with the servers of its applications."""
    from starlette.applications import Starlette

    call = Starlette.__call__
    if hasattr(call, "__mesh__"):
        return

    @functools.wraps(call)
    async def call_with_mesh(self: Starlette, scope: Scope, receive: Receive, send: Send) -> None:
        application = functools.partial(call, self)
        if SCOPE_KEY in scope or not _concerns_the_mesh():
            await application(scope, receive, send)
            return
        scope[SCOPE_KEY] = True
        if scope["type"] == "lifespan":
            await _live(self, application, scope, receive, send)
            return
        follower = _follower(self) if scope["type"] == "http" else None
        serve = application if follower is None else functools.partial(follower.serve, application)
        await serve(scope, receive, send)

    call_with_mesh.__mesh__ = True  # type: ignore[attr-defined]
    Starlette.__call__ = call_with_mesh  # type: ignore[method-assign]


def follower_of(application: Any) -> Follower | None:
    """What follows an application, if anything does. Raises `ApplicationError`."""
    try:
        if not (catalogue.routes or catalogue.surfaces):
            return _embedding(application) if is_embedded() else None
        mount_surfaces(application, catalogue.surfaces.values())
        found = endpoints(application)
        routes = mesh_routes(found, catalogue.routes)
        surfaces = mounted_surfaces(found)
        if not (routes or surfaces):
            return None
        _refuse_mixtures(routes, surfaces)
        # Only FastAPI's applications have a title.
        title = getattr(application, "title", "")
        taken = {each.path for each in found}
        return _skills(title, surfaces, taken) if surfaces else _routes(title, routes, taken)
    except (ClashError, MisplacedRouteError, SettingError) as error:
        raise ApplicationError(str(error)) from error


def _concerns_the_mesh() -> bool:
    return bool(catalogue.routes or catalogue.surfaces) or is_embedded()


def _refuse_mixtures(routes: Mapping[str, Any], surfaces: Sequence[Surface]) -> None:
    if catalogue.agent is not None:
        raise ApplicationError(
            f"@mesh.agent at {catalogue.agent.location} cannot be in one process with @mesh.route "
            "or mesh.a2a: their application is an agent by itself; remove @mesh.agent"
        )
    if routes and surfaces:
        route = next(iter(routes.values()))
        raise ApplicationError(
            f"@mesh.route at {route.location} and mesh.a2a at {surfaces[0].handler.location} "
            "cannot be in one application; serve them by two"
        )


def _routes(title: str, routes: Mapping[str, ToolDeclaration], taken: set[str]) -> Gateway:
    settings = api_settings(os.environ, title)
    for name, declaration in routes.items():
        declaration.mcp_name = name
    return Gateway(
        settings, catalogue, lambda where: route_registration(settings, where, routes), taken
    )


def _skills(title: str, surfaces: Sequence[Surface], taken: set[str]) -> Gateway:
    catalogue.check()
    settings = a2a_settings(os.environ, title)
    return Gateway(
        settings,
        catalogue,
        lambda where: surface_registration(settings, where, surfaces),
        taken,
        public_url_prefix(os.environ),
    )


def _embedding(application: Any) -> EmbeddingServer:
    catalogue.check()
    settings = resolve(os.environ, catalogue.agent)
    taken = {each.path for each in endpoints(application)}
    return EmbeddingServer(embedded, HeaderRules(settings.propagate_headers), taken)


async def _live(
    self: Starlette, application: Asgi, scope: Scope, receive: Receive, send: Send
) -> None:
    try:
        follower = follower_of(self)
    except ApplicationError as error:
        # As an application does whose own lifespan fails; the server logs it and ends.
        await receive()
        await send({"type": "lifespan.startup.failed", "message": f"mesh: {error}"})
        return
    setattr(self.state, STATE_NAME, follower)
    if follower is None:
        await application(scope, receive, send)
    else:
        await follower.live(application, scope, receive, send)


def _follower(application: Starlette) -> Follower | None:
    """What follows the application; where the server runs no lifespan, a gateway starts now."""
    state = application.state
    if not hasattr(state, STATE_NAME):
        setattr(state, STATE_NAME, None)
        try:
            follower = follower_of(application)
        except ApplicationError as error:
            logger.error("the application is not registered: %s", error)
            return None
        if isinstance(follower, Gateway):
            follower.start()
        setattr(state, STATE_NAME, follower)
    follower = getattr(state, STATE_NAME)
    return follower if isinstance(follower, (Gateway, EmbeddingServer)) else None
