"""What is left over of the decorator's arguments, for the client of an SDK."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

logger = logging.getLogger("mesh")


def known_to(client: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those that `client` takes. Agents of 3.8 have others, meant for litellm, which do nothing
    here; that is said once, when the client is made."""
    known = inspect.signature(client).parameters
    left_out = sorted(name for name in options if name not in known)
    if left_out:
        logger.warning(
            "@mesh.llm_provider: %s has no use for %s",
            getattr(client, "__name__", client),
            ", ".join(left_out),
        )
    return {name: value for name, value in options.items() if name in known}
