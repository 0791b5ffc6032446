"""What runs beside an agent for as long as it is registered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from mesh.calling.membership import Membership
from mesh.declaring.catalogue import Catalogue
from mesh.serving.settings import Settings

# Entered, in the agent's event loop, once the registry knows the agent, or at once when there is no
# registry to know it. Left when the agent stops, at the same time as the others and before the
# registry is told: what it still has to bring to an end may take as long as it allows itself.
Companion = Callable[[Membership], AbstractAsyncContextManager[Any]]


def companions_of(settings: Settings, catalogue: Catalogue) -> list[Companion]:
    """The companions that an agent with these declarations needs."""
    del settings
    companions: list[Companion] = []
    if any(tool.task is not None for tool in catalogue.tools.values()):
        from mesh.working.claims import working

        companions.append(partial(working, catalogue))
    return companions
