"""OpenAI, and servers that speak its chat completions, through its SDK."""

from __future__ import annotations

import re
from typing import Any

import openai

from mesh.thinking.failures import reached, said
from mesh.thinking.options import known_to
from mesh.thinking.vendor import Access, Task
from mesh.thinking.vendors.chat_completions import ChatConversation

# What chat completions know of the parameters that a request may set.
PARAMS = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "metadata",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "temperature",
        "tool_choice",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
    }
)
# Models that think before they speak count those tokens too, under another name.
_THINKS_FIRST = re.compile(r"o\d|gpt-5")
_ONE_CALL_ANYWAY = re.compile(r"o\d")


class OpenAi:
    """The API of OpenAI; the key and the base URL are the SDK's business."""

    def __init__(self, access: Access) -> None:
        options = known_to(openai.AsyncOpenAI, access.others)
        options["max_retries"] = access.retries
        if access.timeout is not None:
            options["timeout"] = access.timeout
        self._client = openai.AsyncOpenAI(
            api_key=access.api_key, base_url=access.base_url, **options
        )

    def begin(self, task: Task) -> ChatConversation:
        """Starts a conversation."""
        params = {name: value for name, value in task.params.items() if name in PARAMS}
        if _THINKS_FIRST.match(task.model) and "max_tokens" in params:
            params["max_completion_tokens"] = params.pop("max_tokens")
        if task.tools and not _ONE_CALL_ANYWAY.match(task.model):
            params["parallel_tool_calls"] = task.parallel
        if not task.tools:
            params.pop("tool_choice", None)
        create: Any = self._client.chat.completions.create
        return ChatConversation(create, task, params)

    def holds(self, model: str, *, has_tools: bool) -> bool:  # noqa: ARG002  every vendor is asked
        """Models before the middle of 2024 know no schemas."""
        return not model.startswith(("gpt-3.5", "gpt-4-")) and model != "gpt-4"

    async def close(self) -> None:
        """Ends its connections."""
        await self._client.close()

    def explain(self, error: Exception) -> str | None:
        """What a failure means."""
        return explain(error, "OPENAI_API_KEY", str(self._client.base_url))


def explain(error: Exception, key: str, where: str) -> str | None:
    """What an exception of this SDK, or of one that derives from it, means."""
    if isinstance(error, openai.APITimeoutError):
        return "the vendor did not answer in time"
    if isinstance(error, openai.APIStatusError):
        return said(error.status_code, error.body, str(error.message), key)
    if isinstance(error, openai.APIConnectionError):
        return reached(where, error)
    if isinstance(error, openai.OpenAIError):
        return str(error)
    return None
