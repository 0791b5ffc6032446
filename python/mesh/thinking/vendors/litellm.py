"""Every other vendor, through litellm, which translates to and from OpenAI's form."""

from __future__ import annotations

import os
from typing import Any

from mesh.thinking.vendor import Access, Task
from mesh.thinking.vendors.chat_completions import ChatConversation
from mesh.thinking.vendors.openai import PARAMS, explain

# It would fetch a list of prices while it is imported, and wait for it where there is no network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm

# litellm knows which of them a vendor takes, and leaves out the others when it is told to.
_TAKEN = PARAMS | {"thinking", "top_k"}


class LiteLlm:
    """Whatever vendor the model's name begins with."""

    def __init__(self, access: Access) -> None:
        self._options: dict[str, Any] = {
            "drop_params": True,
            **access.others,
            "num_retries": access.retries,
        }
        named = {"api_key": access.api_key, "api_base": access.base_url, "timeout": access.timeout}
        self._options.update((name, value) for name, value in named.items() if value is not None)

    def begin(self, task: Task) -> ChatConversation:
        """Starts a conversation."""
        params = {name: value for name, value in task.params.items() if name in _TAKEN}
        if task.tools:
            params["parallel_tool_calls"] = task.parallel
        return ChatConversation(self._send, task, params)

    def holds(self, model: str, *, has_tools: bool) -> bool:  # noqa: ARG002  every vendor is asked
        """By litellm's own list."""
        return bool(litellm.supports_response_schema(model=model))

    async def close(self) -> None:
        """Nothing: litellm shares its connections among all who use it."""

    def explain(self, error: Exception) -> str | None:
        """What a failure means; litellm's exceptions are OpenAI's."""
        return explain(error, "the vendor's key", "the vendor")

    async def _send(self, **request: Any) -> Any:
        return await litellm.acompletion(**request, **self._options)
