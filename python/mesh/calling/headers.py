"""Which request headers travel on: those that came in, and those that a caller adds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

logger = logging.getLogger("mesh")

TIMEOUT_HEADER = "x-mesh-timeout"
# Travel on whatever `MCP_MESH_PROPAGATE_HEADERS` says.
BUILT_IN = ("x-mesh-calling-job-id", "x-mesh-calling-claim-epoch")


@dataclass(frozen=True, slots=True)
class Inbound:
    """What the call that is being served brought along."""

    headers: Mapping[str, str]
    # The caller's time budget in seconds, if it named one.
    timeout: float | None = None


NOTHING = Inbound({})
inbound: ContextVar[Inbound] = ContextVar("mesh_inbound", default=NOTHING)


class HeaderRules:
    """The allow-list of `MCP_MESH_PROPAGATE_HEADERS`: names, and prefixes that end in `*`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        self._names = frozenset({*BUILT_IN, *(p for p in patterns if not p.endswith("*"))})
        self._prefixes = tuple(p[:-1] for p in patterns if p.endswith("*"))
        self._reported: set[str] = set()

    def allows(self, name: str) -> bool:
        """Whether a header of this name, in lower case, may travel on."""
        return name in self._names or name.startswith(self._prefixes or ("\0",))

    def capture(self, headers: Iterable[tuple[str, str]]) -> Inbound:
        """Keeps of an inbound request's headers what travels on."""
        kept: dict[str, str] = {}
        timeout = None
        for name, value in headers:
            name = name.lower()
            if name == TIMEOUT_HEADER:
                timeout = _seconds(value)
            elif self.allows(name):
                kept[name] = value
        return Inbound(kept, timeout) if kept or timeout is not None else NOTHING

    def outbound(self, added: Mapping[str, str] | None) -> list[tuple[str, str]]:
        """The headers of an outgoing call: the inbound ones, and those that the caller adds."""
        headers = inbound.get().headers
        if not added:
            return list(headers.items())
        merged = dict(headers)
        for name, value in added.items():
            name = name.lower()
            if self.allows(name):
                merged[name] = str(value)
            elif name not in self._reported:
                self._reported.add(name)
                logger.warning(
                    "header `%s` is not sent: MCP_MESH_PROPAGATE_HEADERS does not allow it", name
                )
        return list(merged.items())


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None  # Foreign input; the own time-out applies.
    return seconds if 0 < seconds < 1e9 else None
