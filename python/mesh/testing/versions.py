"""Versions and their constraints, by the rules of the registry, for a mesh that has none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import total_ordering
from typing import TypeAlias

_SPACE = r"[ \t\n\r\f]"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_LABELS = rf"(?:-({_IDENTIFIERS}))?(?:\+{_IDENTIFIERS})?"
_VERSION = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{_LABELS}")
_PART = r"(?:[0-9]+|[xX*])"
_COMPARED = rf"v?{_PART}(?:\.{_PART})?(?:\.{_PART})?(?:-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"
_COMPARISON = re.compile(
    rf"{_SPACE}*(!=|>=|=>|<=|=<|~>|[=<>~^]?){_SPACE}*({_COMPARED}){_SPACE}*(?:,|(?={_SPACE})|$)"
    rf"{_SPACE}*"
)
_RANGE = re.compile(rf"{_SPACE}*({_COMPARED}){_SPACE}+-{_SPACE}+({_COMPARED}){_SPACE}*")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A version; build metadata takes no part."""

    numbers: tuple[int, int, int]
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """Reads `1.2.3`, and `v1`, `1.2`; None for what is none."""
        found = _VERSION.fullmatch(text)
        if found is None:
            return None
        major, minor, patch, pre = found.groups()
        numbers = (int(major), int(minor or 0), int(patch or 0))
        return cls(numbers, pre or "") if max(numbers) < 2**64 and _is_pre(pre or "") else None

    def __lt__(self, other: Version) -> bool:
        if self.numbers != other.numbers:
            return self.numbers < other.numbers
        return _rank(self.pre) < _rank(other.pre)


def accepts(constraint: str | None, version: str) -> bool:
    """Whether a provider's version will do; what is neither is compared as text."""
    if not constraint:
        return True
    alternatives = [_alternative(text) for text in _spelled_out(constraint).split("||")]
    parsed = Version.parse(version)
    if parsed is None or None in alternatives:
        return bool(version) and constraint == version
    return any(each is not None and each.accepts(parsed) for each in alternatives)


@dataclass(frozen=True, slots=True)
class _Alternative:
    comparisons: tuple[_Comparison, ...]

    def accepts(self, version: Version) -> bool:
        mentions_pre = any(each.version.pre for each in self.comparisons)
        if version.pre and not mentions_pre:
            return False
        return all(each.accepts(version) for each in self.comparisons)


@dataclass(frozen=True, slots=True)
class _Comparison:
    operator: str
    version: Version
    # How many of its numbers the constraint gives.
    given: int

    def accepts(self, version: Version) -> bool:
        return _OPERATORS[self.operator](version, self.version, self.given)


def _alternative(text: str) -> _Alternative | None:
    comparisons: list[_Comparison] = []
    at = 0
    while at < len(text) or not comparisons:
        found = _COMPARISON.match(text, at)
        if found is None:
            return None
        comparison = _comparison(*found.groups())
        if comparison is None:
            return None
        comparisons.append(comparison)
        at = found.end()
    # A comma wants a comparison after it.
    return None if text.rstrip().endswith(",") else _Alternative(tuple(comparisons))


def _comparison(operator: str, text: str) -> _Comparison | None:
    bare, _, _ = text.removeprefix("v").partition("+")
    numbers, _, pre = bare.partition("-")
    parts = numbers.split(".")
    given = next((at for at, part in enumerate(parts) if part in "xX*"), len(parts))
    major, minor, patch = ([int(part) for part in parts[:given]] + [0, 0, 0])[:3]
    if max(major, minor, patch) >= 2**64 or not _is_pre(pre):
        return None
    return _Comparison(operator, Version((major, minor, patch), pre), given)


def _spelled_out(constraint: str) -> str:
    return _RANGE.sub(r">= \1, <= \2 ", constraint)


def _is_pre(pre: str) -> bool:
    return not any(len(part) > 1 and part[0] == "0" and part.isdigit() for part in pre.split("."))


def _rank(pre: str) -> tuple[bool, list[tuple[bool, int, str]]]:
    """Orders pre-releases: none comes last, numbers come before texts."""
    parts = pre.split(".")
    return not pre, [
        (False, int(part), "") if part.isdigit() else (True, 0, part) for part in parts
    ]


def _equal(version: Version, own: Version, given: int) -> bool:
    return version == own if given == 3 else _tilde(version, own, given)


def _not_equal(version: Version, own: Version, given: int) -> bool:
    if given in (0, 3):
        return version != own
    is_other = version.numbers[:given] != own.numbers[:given]
    return is_other or (given == 2 and version.pre != own.pre)


def _greater(version: Version, own: Version, given: int) -> bool:
    return version > own if given in (0, 3) else version.numbers[:given] > own.numbers[:given]


def _less_or_equal(version: Version, own: Version, given: int) -> bool:
    return (
        version <= own if given == 3 else version.numbers[: given or 2] <= own.numbers[: given or 2]
    )


def _tilde(version: Version, own: Version, given: int) -> bool:
    if version < own:
        return False
    if own.numbers == (0, 0, 0) and given in (0, 3):
        return True
    same = 1 if given == 1 else 2
    return version.numbers[:same] == own.numbers[:same]


def _caret(version: Version, own: Version, given: int) -> bool:
    if version < own or version.numbers[0] != own.numbers[0]:
        return False
    if own.numbers[0] or given == 1:
        return True
    if own.numbers[1] or given == 2:
        return version.numbers[1] == own.numbers[1]
    return version.numbers == own.numbers


_Test: TypeAlias = Callable[[Version, Version, int], bool]
_OPERATORS: dict[str, _Test] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": lambda version, own, _given: version < own,
    ">=": lambda version, own, _given: version >= own,
    "=>": lambda version, own, _given: version >= own,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
