"""Skills as routes of a FastAPI application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mesh.calling import membership
from mesh.serving.routes import Endpoint, endpoints
from mesh.surfaces.surface import Surface


def mount_surfaces(application: Any, declared: Iterable[Surface]) -> None:
    """Adds the skills that were declared without an application, if this one can have them."""
    if not hasattr(application, "add_api_route"):
        return
    mounted = {each.path for each in mounted_surfaces(endpoints(application))}
    for surface in declared:
        if surface.application is None and surface.path not in mounted:
            mount(application, surface)


def mounted_surfaces(found: Iterable[Endpoint]) -> list[Surface]:
    """The skills among the endpoints of an application."""
    surfaces = (getattr(each.function, "__mesh_surface__", None) for each in found)
    return [each for each in surfaces if each is not None]


def mount(application: Any, surface: Surface) -> None:
    """Adds the two routes of a skill: its requests, and the card that describes it."""
    from mesh.surfaces.protocol import Protocol

    protocol = Protocol(surface)

    async def answer(request: Request) -> Response:
        return await protocol.answer(request)

    async def card(request: Request) -> Response:
        return JSONResponse(_card(surface, request))

    answer.__mesh_surface__ = surface  # type: ignore[attr-defined]
    card_path = f"{surface.path}/.well-known/agent.json"
    add: Any = application.add_api_route
    add(card_path, card, methods=["GET"], include_in_schema=False)
    add(surface.path, answer, methods=["POST"], include_in_schema=False)


def _card(surface: Surface, request: Request) -> dict[str, Any]:
    # As long as nobody else can call the application, the client's own address is the one.
    identity = getattr(request.app.state, "mesh", None)
    name = getattr(identity, "name", None) or request.app.title
    return {
        "name": name,
        "description": name,
        "version": getattr(identity, "version", "1.0.0"),
        "capabilities": {
            "streaming": True,
            "pushNotifications": False,
            "stateTransitionHistory": False,
        },
        "defaultInputModes": list(surface.input_modes),
        "defaultOutputModes": list(surface.output_modes),
        "skills": [
            {
                "id": surface.skill_id,
                "name": surface.skill_name,
                "description": surface.description or surface.skill_name,
                "tags": list(surface.tags),
                "inputModes": list(surface.input_modes),
                "outputModes": list(surface.output_modes),
            }
        ],
        "url": _public_url(surface.path, identity) or _own_url(surface.path, identity, request),
        "authentication": {"schemes": ["bearer"] if surface.needs_bearer else []},
    }


def _public_url(path: str, identity: Any) -> str | None:
    """What the registry offers, unless the application has been told itself."""
    member = membership.current()
    if member is None or getattr(identity, "is_told_public_url", False):
        return None
    return member.agent.public_url(path)


def _own_url(path: str, identity: Any, request: Request) -> str:
    base_url = getattr(identity, "base_url", None) or str(request.base_url).rstrip("/")
    return f"{base_url}{path}"
