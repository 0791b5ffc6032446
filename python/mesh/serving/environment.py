"""Reads single environment variables. What cannot be read is an error, never a default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

Environ = Mapping[str, str]

# Underscores are in the names of containers.
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
TRUE_WORDS = frozenset({"true", "1", "yes", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "off"})


class SettingError(ValueError):
    """An environment variable holds what cannot be used."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        super().__init__(f"{name} is {value!r}; it must be {allowed}")


def read_text(environ: Environ, name: str) -> str | None:
    """A text; an empty one counts as unset."""
    return environ.get(name) or None


def read_url(environ: Environ, name: str, example: str, schemes: tuple[str, ...]) -> str | None:
    """A URL with a host; `example` shows one."""
    value = read_text(environ, name)
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_usable = (
            parts.scheme in schemes
            and parts.hostname is not None
            and is_host(parts.hostname)
            and parts.port != 0
        )
    except ValueError:  # Of a port that is none, or of brackets.
        is_usable = False
    if not is_usable:
        raise SettingError(name, value, f"a URL such as {example}")
    return value


def is_host(text: str) -> bool:
    """Whether a text can be a host's name or address."""
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return HOST.fullmatch(text) is not None
    return True


def read_flag(environ: Environ, name: str, *, default: bool) -> bool:
    """A boolean: a true word is true, anything else is false, nothing is the default."""
    value = read_text(environ, name)
    return default if value is None else value.strip().lower() in TRUE_WORDS


def read_exact_flag(environ: Environ, name: str, *, default: bool) -> bool:
    """A boolean of which anything but a true or a false word is an error."""
    value = read_text(environ, name)
    if value is not None and value.strip().lower() not in TRUE_WORDS | FALSE_WORDS:
        raise SettingError(name, value, "'true' or 'false'")
    return read_flag(environ, name, default=default)


def read_integer(
    environ: Environ, name: str, *, default: int, least: int, most: int | None = None
) -> int:
    """A whole number within bounds."""
    value = read_text(environ, name)
    if value is None:
        return default
    bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
    try:
        number = int(value)
    except ValueError:
        raise SettingError(name, value, f"a whole number {bounds}") from None
    if number < least or (most is not None and number > most):
        raise SettingError(name, value, f"a whole number {bounds}")
    return number


def read_seconds(environ: Environ, name: str, *, default: float) -> float:
    """A number of seconds, which may have a fraction and may be 0."""
    value = read_text(environ, name)
    if value is None:
        return default
    allowed = "a number of seconds, 0 or more"
    try:
        number = float(value)
    except ValueError:
        raise SettingError(name, value, allowed) from None
    # The comparison refuses NaN as well.
    if not 0 <= number <= 1e9:
        raise SettingError(name, value, allowed)
    return number
