"""Parameters of a model: those of the decorator, and those that a request may change."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mesh.thinking.messages import RequestError
from mesh.thinking.vendor import Access
from mesh.thinking.wire import DEFAULT_MAX_ITERATIONS, OWN_PARAMS

logger = logging.getLogger("mesh")

# What decides where a key is sent, and as whom: arguments of the decorator. In a request they are
# left out, for it comes from other people.
ACCESS = {
    "api_base": "base_url",
    "api_key": "api_key",
    "base_url": "base_url",
    "max_retries": "retries",
    "num_retries": "retries",
    "timeout": "timeout",
}

# What a request may change: OpenAI's names first, then those that only one vendor knows.
OPEN = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "tool_choice",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
    }
    | {"metadata", "service_tier", "stop_sequences", "thinking", "thinking_config"}
    | {"top_k"}
)


def access(declared: Mapping[str, Any]) -> Access:
    """How the vendor is reached, by the decorator's arguments; what is not the model's goes to the
    SDK's client."""
    known = {ACCESS[name]: value for name, value in declared.items() if name in ACCESS}
    others = {
        name: value for name, value in declared.items() if name not in ACCESS and name not in OPEN
    }
    return Access(
        **{name: value for name, value in known.items() if value is not None}, others=others
    )


def merged(declared: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, Any]:
    """The model's parameters; a request's win over the decorator's."""
    taken = {name: value for name, value in declared.items() if name in OPEN}
    left_out = []
    for name, value in requested.items():
        if name in OPEN:
            taken[name] = value
        elif name not in OWN_PARAMS:
            left_out.append(name)
    if left_out:
        logger.warning(
            "a request's model_params are left out because only the provider may set them: %s",
            ", ".join(sorted(left_out)),
        )
    return {name: value for name, value in taken.items() if value is not None}


def iterations(requested: Mapping[str, Any]) -> int:
    """How many turns the model has; raises `RequestError`."""
    value = requested.get("max_iterations")
    if value is None:
        return DEFAULT_MAX_ITERATIONS
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise RequestError(f"max_iterations must be a whole number of at least 1, got {value!r}")
    return value


def model_of(own: str, requested: Mapping[str, Any]) -> str:
    """The model to ask: the request may choose another one of the same vendor.

    One of another vendor, which releases up to 3.8 send as well, is passed over with a warning.
    """
    other = requested.get("model")
    if not isinstance(other, str) or not other:
        return own
    vendor = vendor_of(own)
    if "/" not in other:
        return f"{vendor}/{other}" if vendor else other
    if vendor_of(other) != vendor:
        logger.warning("a request wants %s of a provider of %s, which answers it", other, own)
        return own
    return other


def vendor_of(model: str) -> str:
    """What stands before the slash; empty without one."""
    return model.partition("/")[0] if "/" in model else ""
