"""`@mesh.a2a_consumer`: an A2A agent outside of the mesh becomes a tool in it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mesh.consuming.client import A2ABearer, A2AClient
from mesh.declaring.arguments import Arguments
from mesh.declaring.decorators import tool
from mesh.declaring.places import declares

T = TypeVar("T")

# The parameter that gets the client.
PARAMETER = "_a2a"


@declares("@mesh.a2a_consumer")
def a2a_consumer(
    *,
    capability: str,
    a2a_url: str,
    a2a_skill_id: str | None = None,
    tags: Sequence[str] | None = None,
    auth: A2ABearer | None = None,
    version: str = "1.0.0",
    description: str | None = None,
    timeout: float = 30.0,
    poll_interval: float = 0.5,
    poll_interval_max: float = 2.0,
    **kwargs: Any,
) -> Callable[[T], T]:
    """Declares a tool, as `@mesh.tool` does, that asks an A2A agent outside of the mesh.

    A parameter named `_a2a` gets the `A2AClient` of that agent; callers do not see it. `timeout` is
    how long a task may take that is sent, and the intervals are the pauses between two looks at
    it, all in seconds. The name of this agent becomes a tag of the tool, so that others can choose
    between two ways to the same foreign agent. Other arguments are those of `@mesh.tool`. Wrong
    ones raise `ValueError`.
    """
    check = Arguments("@mesh.a2a_consumer")
    check.name("capability", capability)
    check.text("a2a_skill_id", a2a_skill_id)
    if not isinstance(a2a_url, str) or urlsplit(a2a_url).scheme not in ("http", "https"):
        raise check.fail("a2a_url", "a URL such as https://agent.example/a2a", a2a_url)
    if auth is not None and not isinstance(auth, A2ABearer):
        raise check.fail("auth", "an A2ABearer", type(auth).__name__)
    seconds = {
        "timeout": timeout,
        "poll_interval": poll_interval,
        "poll_interval_max": poll_interval_max,
    }
    for name, value in seconds.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            raise check.fail(name, "a number of seconds above 0", value)
    client = A2AClient(
        a2a_url, a2a_skill_id or capability, auth, timeout, poll_interval, poll_interval_max
    )
    declared = tool(capability, tags=tags, version=version, description=description, **kwargs)

    def declare(target: T) -> T:
        function: Any = getattr(target, "fn", target)
        bridge: Any = declared(with_client(function, client))
        declaration = getattr(bridge, "__mesh_tool__", None)
        if declaration is not None:
            declaration.a2a = client
        return bridge  # type: ignore[no-any-return]

    return declare


def with_client(function: Callable[..., Any], client: A2AClient) -> Callable[..., Any]:
    """The function without its parameter `_a2a`, which gets `client`."""
    complete = inspect.signature(function)
    if PARAMETER not in complete.parameters:
        return function
    kept = [each for name, each in complete.parameters.items() if name != PARAMETER]
    visible = complete.replace(parameters=kept)

    def arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if args:
            # By position it would be in the way of those after it.
            kwargs = {**visible.bind_partial(*args).arguments, **kwargs}
        return {**kwargs, PARAMETER: kwargs.get(PARAMETER) or client}

    bridge: Any
    if inspect.isasyncgenfunction(function):

        async def stream(*args: Any, **kwargs: Any) -> Any:
            async for piece in function(**arguments(args, kwargs)):
                yield piece

        bridge = stream
    elif inspect.iscoroutinefunction(function):

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await function(**arguments(args, kwargs))

        bridge = call
    else:
        raise ValueError(
            f"@mesh.a2a_consumer: `{function.__name__}` takes `{PARAMETER}`, whose methods are "
            "awaited: write `async def`"
        )
    functools.update_wrapper(bridge, function)
    bridge.__signature__ = visible
    bridge.__annotations__ = {
        name: each for name, each in function.__annotations__.items() if name != PARAMETER
    }
    return bridge  # type: ignore[no-any-return]
