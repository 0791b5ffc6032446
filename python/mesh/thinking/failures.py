"""What consumers are told when a vendor fails: the reason and the cure, and never a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Statuses whose cure is known.
_CURES = {
    401: "check {key} where the provider runs",
    403: "check {key} where the provider runs",
    404: "check the model's name",
    429: "the vendor's rate limit or quota is used up; try again later",
}


def said(status: int, body: Any, message: str, key: str) -> str:
    """What a vendor's error status means, in its own words where there are any."""
    reason = _reason(body) or message
    cure = _CURES.get(status, "").format(key=key)
    return f"the vendor answers {status}: {reason}" + (f" ({cure})" if cure else "")


def _reason(body: Any) -> str | None:
    """Vendors put their message into `error.message`, or right there."""
    if not isinstance(body, Mapping):
        return None
    error = body.get("error")
    message = error.get("message") if isinstance(error, Mapping) else body.get("message")
    return message if isinstance(message, str) and message else None


def reached(where: str, error: BaseException) -> str:
    """What a connection that failed means: the innermost cause tells most."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{where} cannot be reached: {str(error) or type(error).__name__}"


def without_keys(text: str, environ: Mapping[str, str], declared: str | None) -> str:
    """The text without any key, for some vendors repeat a wrong one: neither the one that the
    decorator has been told, nor any of the environment, where SDKs look for theirs."""
    keys = [value for name, value in environ.items() if name.endswith(("_API_KEY", "_AUTH_TOKEN"))]
    for key in (declared, *keys):
        # The stand-ins that local servers are content with are words of every text.
        if key and len(key) > 7:
            text = text.replace(key, "…")
    return text
