"""Follows the FastAPI applications of the program, to make agents of those that have routes.

FastAPI has no hook for an application that does not exist yet. What is public is that applications
are called, once for their lifespan and for each request: this call is what the mesh follows, and
nothing inside an application is touched.
"""

from __future__ import annotations

import functools
import logging
import os
from typing import TYPE_CHECKING

from mesh.declaring.catalogue import catalogue
from mesh.serving.environment import SettingError
from mesh.serving.gateway import Gateway
from mesh.serving.gateway_settings import api_settings
from mesh.serving.payload import route_registration
from mesh.serving.requests import Receive, Scope, Send
from mesh.serving.routes import MisplacedRouteError, endpoints, mesh_routes

if TYPE_CHECKING:
    from fastapi import FastAPI

logger = logging.getLogger("mesh")

# Marks what is being served with a gateway already, in the scope of mounted applications.
SCOPE_KEY = "mesh"
# Where an application keeps its gateway, None when it needs none.
STATE_NAME = "mesh_gateway"


class GatewayError(Exception):
    """The application cannot be an agent; the message is for its author."""


def follow_applications() -> None:
    """From now on, applications with routes of the mesh are agents while they are served."""
    from fastapi import FastAPI

    call = FastAPI.__call__
    if hasattr(call, "__mesh__"):
        return

    @functools.wraps(call)
    async def call_with_mesh(self: FastAPI, scope: Scope, receive: Receive, send: Send) -> None:
        application = functools.partial(call, self)
        if SCOPE_KEY in scope or not catalogue.routes:
            await application(scope, receive, send)
            return
        scope[SCOPE_KEY] = True
        if scope["type"] == "lifespan":
            await _live(self, scope, receive, send)
            return
        gateway = _gateway(self) if scope["type"] == "http" else None
        if gateway is None:
            await application(scope, receive, send)
        else:
            await gateway.serve(application, scope, receive, send)

    async def _live(self: FastAPI, scope: Scope, receive: Receive, send: Send) -> None:
        application = functools.partial(call, self)
        try:
            gateway = open_gateway(self)
        except GatewayError as error:
            # As an application does whose own lifespan fails; the server logs it and ends.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": f"mesh: {error}"})
            return
        setattr(self.state, STATE_NAME, gateway)
        if gateway is None:
            await application(scope, receive, send)
        else:
            await gateway.live(application, scope, receive, send)

    call_with_mesh.__mesh__ = True  # type: ignore[attr-defined]
    FastAPI.__call__ = call_with_mesh  # type: ignore[method-assign]


def open_gateway(application: FastAPI) -> Gateway | None:
    """What makes the application an agent; None if it has no routes of the mesh.

    Raises `GatewayError`.
    """
    found = endpoints(application)
    try:
        routes = mesh_routes(found, catalogue.routes)
        if not routes:
            return None
        settings = api_settings(os.environ, application.title)
    except (MisplacedRouteError, SettingError) as error:
        raise GatewayError(str(error)) from error
    if catalogue.agent is not None:
        raise GatewayError(
            f"@mesh.agent at {catalogue.agent.location} cannot be in one process with @mesh.route: "
            "an application with routes is an agent by itself; remove @mesh.agent"
        )
    for name, declaration in routes.items():
        declaration.mcp_name = name
    return Gateway(
        settings,
        catalogue,
        lambda where: route_registration(settings, where, routes),
        taken={each.path for each in found},
    )


def _gateway(application: FastAPI) -> Gateway | None:
    """The application's gateway; of one whose server runs no lifespan, it starts now."""
    state = application.state
    if not hasattr(state, STATE_NAME):
        setattr(state, STATE_NAME, None)
        try:
            gateway = open_gateway(application)
        except GatewayError as error:
            logger.error("the application is not registered: %s", error)
            return None
        if gateway is not None:
            gateway.start()
            setattr(state, STATE_NAME, gateway)
    gateway = getattr(state, STATE_NAME)
    return gateway if isinstance(gateway, Gateway) else None
