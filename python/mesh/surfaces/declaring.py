"""`mesh.a2a`: functions of this program as skills of an A2A agent."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mesh.calling.injection import wrap
from mesh.declaring.arguments import Arguments, drop_legacy
from mesh.declaring.catalogue import catalogue
from mesh.declaring.places import declares
from mesh.declaring.routes import endpoint_declaration
from mesh.declaring.selectors import parse_selectors
from mesh.serving.environment import read_flag
from mesh.surfaces.surface import Surface

F = TypeVar("F", bound=Callable[..., Any])

MODES = ("application/json",)


class A2A:
    """Declares skills; `mesh.a2a` is the only instance."""

    @declares("@mesh.a2a")
    def __call__(
        self,
        *,
        path: str,
        dependencies: Sequence[Any] | None = None,
        description: str | None = None,
        skill_id: str | None = None,
        skill_name: str | None = None,
        input_modes: Sequence[str] | None = None,
        output_modes: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        auth: str | None = None,
        **metadata: Any,
    ) -> Callable[[F], F]:
        """Declares a function as a skill at `path` of the FastAPI application of this program.

        The function takes the message of the task, a dictionary, beside what is injected as in
        `@mesh.route`; what it returns is the result, and a job that it returns makes the task one
        that goes on. `skill_id` is the last part of the path and `skill_name` its words unless
        given, and the modes are MIME types. `auth="bearer"` turns requests without a bearer token
        away; whether the token is a good one is for the program to find out. Wrong arguments raise
        `ValueError`.
        """
        return _declares(
            "@mesh.a2a",
            None,
            path=path,
            dependencies=dependencies,
            description=description,
            skill_id=skill_id,
            skill_name=skill_name,
            input_modes=input_modes,
            output_modes=output_modes,
            tags=tags,
            auth=auth,
            metadata=metadata,
        )

    @declares("@mesh.a2a.mount")
    def mount(
        self,
        app: Any,
        *,
        path: str,
        dependencies: Sequence[Any] | None = None,
        description: str | None = None,
        skill_id: str | None = None,
        skill_name: str | None = None,
        input_modes: Sequence[str] | None = None,
        output_modes: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        auth: str | None = None,
        **metadata: Any,
    ) -> Callable[[F], F]:
        """Declares a function as a skill at `path` of the FastAPI application `app`; see `a2a`."""
        if not hasattr(app, "add_api_route"):
            raise ValueError(f"app must be a FastAPI application, got {app!r}")
        return _declares(
            "@mesh.a2a.mount",
            app,
            path=path,
            dependencies=dependencies,
            description=description,
            skill_id=skill_id,
            skill_name=skill_name,
            input_modes=input_modes,
            output_modes=output_modes,
            tags=tags,
            auth=auth,
            metadata=metadata,
        )


a2a = A2A()


def _declares(decorator: str, app: Any | None, **given: Any) -> Callable[[F], F]:
    check = Arguments(decorator)
    metadata = given["metadata"]
    drop_legacy(metadata)
    selectors = parse_selectors(given["dependencies"])
    path = check.name("path", given["path"])
    last = path.rpartition("/")[2]
    if not path.startswith("/") or not last:
        raise check.fail("path", "a path such as '/agents/date'", path)
    skill_id = check.text("skill_id", given["skill_id"]) or last
    skill_name = check.text("skill_name", given["skill_name"]) or _words(skill_id)
    auth = given["auth"]
    if auth not in (None, "bearer"):
        raise check.fail("auth", "None or 'bearer'", auth)
    description = check.text("description", given["description"])
    input_modes = check.texts("input_modes", given["input_modes"]) or MODES
    output_modes = check.texts("output_modes", given["output_modes"]) or MODES
    tags = check.texts("tags", given["tags"])

    def declare(target: F) -> F:
        handler = endpoint_declaration(
            decorator, target, selectors, tags=tags, description=description, kwargs=metadata
        )
        _check_handler(decorator, handler)
        if not read_flag(os.environ, "MCP_MESH_ENABLED", default=True):
            return target
        surface = Surface(
            path=path,
            skill_id=skill_id,
            skill_name=skill_name,
            description=description,
            input_modes=input_modes,
            output_modes=output_modes,
            tags=tags,
            needs_bearer=auth == "bearer",
            handler=handler,
            application=app,
        )
        handler.wrapper = wrap(handler)
        catalogue.add_surface(surface)
        if app is not None:
            from mesh.surfaces.mounting import mount

            mount(app, surface)
        from mesh.serving.applications import follow_applications

        follow_applications()
        return handler.wrapper  # type: ignore[return-value]

    return declare


def _check_handler(decorator: str, handler: Any) -> None:
    if handler.signature.is_stream:
        raise ValueError(
            f"{decorator} at {handler.location}: `{handler.name}` is a stream, and a skill returns "
            "its result at once, or a job"
        )
    try:
        handler.signature.visible.bind({})
    except TypeError:
        raise ValueError(
            f"{decorator} at {handler.location}: `{handler.name}` must take one argument, the "
            f"message, beside what is injected; it takes {handler.signature.visible}"
        ) from None


def _words(name: str) -> str:
    return inspect.cleandoc(name.replace("-", " ").replace("_", " ")).title()
