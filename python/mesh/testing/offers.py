"""What agents of a mesh in memory offer, and which of it a dependency gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mesh.testing.versions import Version, accepts

if TYPE_CHECKING:
    from mesh.calling.headers import Inbound
    from mesh.declaring.catalogue import ToolDeclaration
    from mesh.declaring.selectors import Selector

# What the registry gives for a tag that is required, or preferred and there.
REQUIRED = 5
PREFERRED = 10


# Hears what a tool says before it ends.
Said = Callable[[str], None]


def ignored(_piece: str) -> None:
    """Hears nothing."""


class Provider(Protocol):
    """Who answers calls."""

    name: str

    async def result(
        self, function: str, arguments: dict[str, Any], request: Inbound, said: Said = ignored
    ) -> dict[str, Any]:
        """The result of a `tools/call`, as it is on the wire; `said` hears the pieces of a
        stream."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """One capability of one agent."""

    provider: Provider
    function: str
    capability: str
    tags: tuple[str, ...]
    version: str
    # The tool behind it; None for a fake.
    declaration: ToolDeclaration | None = None


def chosen(selector: Selector, offers: Iterable[Offer]) -> Offer | None:
    """The offer that a registry would wire: best tags, then highest version, then fakes."""
    ranked = [
        (-score, _Reversed(Version.parse(offer.version), offer.version), number, offer)
        for number, offer in enumerate(sorted(offers, key=_place))
        if offer.capability == selector.capability
        and accepts(selector.version, offer.version)
        and (score := tag_score(selector.tags, offer.tags)) is not None
    ]
    return min(ranked)[-1] if ranked else None


def tag_score(wanted: Iterable[str | tuple[str, ...]], tags: Iterable[str]) -> int | None:
    """How well tags suit; None if they do not."""
    own = frozenset(tags)
    score = 0
    for entry in wanted:
        worth = _one(entry, own) if isinstance(entry, str) else _any_of(entry, own)
        if worth is None:
            return None
        score += worth
    return score


def _one(entry: str, own: frozenset[str]) -> int | None:
    tag = entry.lstrip("+-") if entry[:1] in ("+", "-") else entry
    if not tag:
        return 0
    if entry.startswith("+"):
        return PREFERRED if tag in own else 0
    if entry.startswith("-"):
        return None if tag in own else 0
    return REQUIRED if tag in own else None


def _any_of(group: tuple[str, ...], own: frozenset[str]) -> int | None:
    if not group:
        return 0
    worths = [_one(entry, own) for entry in group]
    if any(
        entry.startswith("-") and worth is None for entry, worth in zip(group, worths, strict=True)
    ):
        return None
    return max((worth for worth in worths if worth), default=None)


def _place(offer: Offer) -> tuple[bool, str, str]:
    # Agents' ids are drawn, so among equals a test may have its fake.
    return offer.declaration is not None, offer.provider.name, offer.function


@dataclass(frozen=True, slots=True)
class _Reversed:
    """Orders versions with the highest first; what is none comes last."""

    version: Version | None
    text: str

    def __lt__(self, other: _Reversed) -> bool:
        if self.version is None or other.version is None:
            if self.version is None and other.version is None:
                return self.text > other.text
            return self.version is not None
        return self.version > other.version
