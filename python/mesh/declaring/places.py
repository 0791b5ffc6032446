"""Says of everything that a decorator finds wrong where the decorator stands."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar, cast

from mesh.declaring.location import Location

logger = logging.getLogger("mesh")

P = ParamSpec("P")
R = TypeVar("R")

# How alike two names are that are taken for one: a letter too many or too few in a usual word.
ALIKE = 0.8
# What older releases understood, and is warned of elsewhere.
LEGACY = "dependency_kwargs"

# The decorator that is at work, and where it stands.
_at: ContextVar[str] = ContextVar("mesh_decorating", default="")


def declares(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function a decorator called `name`: each of its errors, and each of its warnings,
    tells the file and the line. Arguments that it does not have are `TypeError`s, and one that it
    would pass on is a warning if it looks like a slip of the pen."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            place = Location.of_program()
            with _located(name, place):
                _check_names(signature, args, kwargs)
                declare = function(*args, **kwargs)
            return cast(
                "R", _placed(name, place, declare) if inspect.isfunction(declare) else declare
            )

        return checked

    return decorate


def _placed(name: str, place: Location, declare: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What a decorator does with what it decorates."""

    @functools.wraps(declare)
    def placed(target: Any) -> Any:
        function = getattr(target, "fn", target)
        is_function = inspect.isroutine(function)
        with _located(name, Location.of_function(function) if is_function else place):
            return declare(target)

    return placed


def warn(text: str) -> None:
    """Warns of what a decorator was told."""
    logger.warning("%s%s", f"{at}: " if (at := _at.get()) else "", text)


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The end of a sentence about a name that is none of those known; empty if none is like it."""
    import difflib  # Most programs make no such mistake.

    close = difflib.get_close_matches(wrong, sorted(known), n=1, cutoff=ALIKE)
    return f"; did you mean `{close[0]}`?" if close else ""


@contextmanager
def _located(name: str, place: Location) -> Iterator[None]:
    at = f"{name} at {place}"
    token = _at.set(at)
    try:
        yield
    except (TypeError, ValueError) as error:
        # Some tell two places themselves, and those of other packages have a form of their own.
        if len(error.args) == 1 and not getattr(error, "tells_places", False):
            error.args = (f"{at}: {_bare(name, str(error))}",)
        raise
    finally:
        _at.reset(token)


def _bare(name: str, text: str) -> str:
    """What an error says without the decorator, which may be another one that this one uses."""
    for prefix in (_at.get(), name):
        if text.startswith(prefix):
            return text.removeprefix(prefix).lstrip(": ")
    if text.startswith("@mesh.") and " at " in text.partition(": ")[0]:
        return text.partition(": ")[2]
    return text


def _check_names(signature: inspect.Signature, args: Any, kwargs: dict[str, Any]) -> None:
    parameters = signature.parameters.values()
    known = {
        each.name
        for each in parameters
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) and each.name != "self"
    }
    takes_others = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for wrong in sorted(kwargs.keys() - known - {LEGACY}):
        hint = did_you_mean(wrong, known)
        if not takes_others:
            hint = hint or f"; it has {', '.join(f'`{each}`' for each in sorted(known))}"
            raise TypeError(f"there is no argument `{wrong}`{hint}")
        if hint:
            warn(f"`{wrong}` is none of its own arguments and is passed on{hint}")
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(str(error)) from None
