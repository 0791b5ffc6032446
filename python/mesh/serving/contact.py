"""What the log says of the registry: that it cannot be had, and that it is there again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

logger = logging.getLogger("mesh")

# Seconds between two looks.
LOOK = 1.0
# Looks in vain before anybody is told: a registry that is started anew is back by then.
PATIENCE = 3


async def tell_of_registry(status: Callable[[], tuple[str, str | None]], url: str) -> None:
    """Warns once for each outage; `status` is the agent's state and its last error. A refusal is
    told where it arrives, with what the registry says."""
    looks = 0
    while True:
        await asyncio.sleep(LOOK)
        state, error = status()
        if state in ("starting", "reconnecting"):
            looks += 1
            if looks == PATIENCE:
                logger.warning(
                    "the agent is not registered: %s; it serves on and keeps trying. Start the "
                    "registry, or set MCP_MESH_REGISTRY_URL to where it is",
                    error or f"the registry at {url} has not answered yet",
                )
        else:
            if looks >= PATIENCE and state == "registered":
                logger.info("the agent is registered at %s", url)
            looks = 0
