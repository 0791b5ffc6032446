"""The agent's log, on standard error. Loggers of the program are left as they are."""

from __future__ import annotations

import logging

from mesh._mesh import start_logging as start_native_logging


def start_logging(level: int) -> None:
    """Lets the loggers of `mesh` speak, unless the program has arranged that itself."""
    start_native_logging(_native(level))
    logger = logging.getLogger("mesh")
    logger.setLevel(level)
    if logger.handlers or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(message)s"))
    logger.addHandler(handler)
    # Libraries give the root logger a handler when they first write to it, as `mcp` does for a call
    # that it cannot read; every line would be there twice from then on.
    logger.propagate = False


def _native(level: int) -> str:
    """The native part reports on itself one level lower: its states are details here."""
    if level < logging.DEBUG:
        return "trace"
    if level < logging.INFO:
        return "debug"
    return "warn" if level <= logging.WARNING else "error"
