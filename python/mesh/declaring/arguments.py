"""Checks of decorator arguments. Every message names the decorator and the argument."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("mesh")
_warned: set[str] = set()


class Arguments:
    """Checks the arguments of one decorator; every failure is a `ValueError`."""

    def __init__(self, decorator: str) -> None:
        self.decorator = decorator

    def fail(self, name: str, allowed: str, value: object) -> ValueError:
        """The error that `name` is not what it may be."""
        return ValueError(f"{self.decorator}: {name} must be {allowed}, got {value!r}")

    def name(self, name: str, value: object) -> str:
        """A non-empty string."""
        if not isinstance(value, str) or not value.strip():
            raise self.fail(name, "a non-empty string", value)
        return value

    def text(self, name: str, value: object) -> str | None:
        """A string, or None."""
        if value is None or isinstance(value, str):
            return value
        raise self.fail(name, "a string", value)

    def integer(
        self, name: str, value: object, *, least: int, most: int | None = None
    ) -> int | None:
        """A whole number within bounds, or None."""
        if value is None:
            return None
        # To Python, True is a 1.
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or value < least or (most is not None and value > most):  # type: ignore[operator]
            bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
            raise self.fail(name, f"a whole number {bounds}", value)
        return value  # type: ignore[return-value]

    def flag(self, name: str, value: object) -> bool | None:
        """A bool, or None."""
        if value is None or isinstance(value, bool):
            return value
        raise self.fail(name, "a bool", value)

    def function(self, name: str, value: Any) -> Any:
        """Something callable, or None."""
        if value is None or callable(value):
            return value
        raise self.fail(name, "callable", value)

    def texts(self, name: str, value: object) -> tuple[str, ...]:
        """A list of strings; None is the empty list."""
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise self.fail(name, "a list of strings", value)
        return tuple(value)

    def plain(self, extra: Mapping[str, Any]) -> None:
        """Further arguments that are advertised as they are, and so have to be JSON."""
        for name, value in extra.items():
            try:
                json.dumps(value, allow_nan=False)
            except (TypeError, ValueError, RecursionError):
                raise self.fail(name, "what JSON can express", value) from None


def drop_legacy(extra: dict[str, Any]) -> None:
    """Takes out `dependency_kwargs`, which older releases understood; warns once."""
    if "dependency_kwargs" in extra:
        del extra["dependency_kwargs"]
        if "dependency_kwargs" not in _warned:
            _warned.add("dependency_kwargs")
            logger.warning("dependency_kwargs is no longer used; remove it from the decorator")
