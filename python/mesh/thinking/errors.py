"""What goes wrong with an LLM: at the consumer, and at the provider, whose errors travel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LlmError(Exception):
    """Whatever is wrong with an answer of an LLM."""


class MaxIterationsError(LlmError):
    """The model still wanted tools when it had been asked as often as allowed."""

    def __init__(
        self, iteration_count: int, max_allowed: int, function_id: str | None = None
    ) -> None:
        self.iteration_count = iteration_count
        self.max_allowed = max_allowed
        self.function_id = function_id
        of = f" of `{function_id}`" if function_id else ""
        super().__init__(
            f"no final answer{of} after {iteration_count} of {max_allowed} iterations; "
            "raise max_iterations, or offer the model fewer tools"
        )


class ToolExecutionError(LlmError):
    """A tool that the model asked for could not be run, in a way that the model cannot mend."""

    def __init__(
        self, tool_name: str, arguments: Mapping[str, Any] | None, original_error: Exception
    ) -> None:
        self.tool_name = tool_name
        self.arguments = arguments
        self.original_error = original_error
        super().__init__(f"tool `{tool_name}` failed: {original_error}")


class LLMAPIError(LlmError):
    """The provider, or the vendor behind it, answered with an error or not at all."""


class LLMRefusedError(LlmError):
    """The model refused to answer."""


class ResponseParseError(LlmError):
    """The answer is not what was asked for: no JSON, or JSON of another shape."""
