"""Google's models through its SDK: the Gemini API, and Vertex."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
from google import genai
from google.genai import errors, types

from mesh.thinking.failures import reached, said
from mesh.thinking.options import known_to
from mesh.thinking.vendor import (
    Access,
    BrokenReplyError,
    Message,
    Part,
    Reply,
    Task,
    ToolCall,
    ToolResult,
)
from mesh.thinking.wire import Usage

# OpenAI's names, and Google's.
_PARAMS = {
    "frequency_penalty": "frequency_penalty",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
    "stop": "stop_sequences",
    "stop_sequences": "stop_sequences",
    "temperature": "temperature",
    "thinking_config": "thinking_config",
    "top_k": "top_k",
    "top_p": "top_p",
}
# Models before Gemini 3 take either tools or a schema.
_EITHER_OR = re.compile(r"gemini-[12]")
# By the way to them, what they need.
_KEYS = {"gemini": "GOOGLE_API_KEY", "vertex_ai": "GOOGLE_CLOUD_PROJECT and its credentials"}
_UNFINISHED = {"FINISH_REASON_UNSPECIFIED", "MALFORMED_FUNCTION_CALL", "OTHER"}
# What is worth another try: the vendor was busy, or had a bad moment.
_PASSING = (408, 429, 500, 502, 503, 504)


class Gemini:
    """The Gemini API, or Vertex's."""

    def __init__(self, access: Access, *, by: str = "gemini", has_both: bool = False) -> None:
        options = types.HttpOptions(
            base_url=access.base_url,
            # In milliseconds, there.
            timeout=None if access.timeout is None else int(access.timeout * 1000),
            retry_options=types.HttpRetryOptions(
                attempts=access.retries + 1, initial_delay=0.5, http_status_codes=list(_PASSING)
            ),
        )
        try:
            self._client = genai.Client(
                api_key=access.api_key,
                vertexai=True if by == "vertex_ai" else None,
                http_options=options,
                **known_to(genai.Client, access.others),
            )
        except ValueError as error:
            # The SDK does not say where it has looked.
            raise ValueError(f"{error} (set {_KEYS[by]} where the provider runs)") from error
        self._has_both = has_both

    def begin(self, task: Task) -> GeminiConversation:
        """Starts a conversation."""
        return GeminiConversation(self._client, task)

    def holds(self, model: str, *, has_tools: bool) -> bool:
        """Models before Gemini 3 take either tools or a schema."""
        return not has_tools or self._has_both or _EITHER_OR.match(model) is None

    async def close(self) -> None:
        """Ends its connections; the first releases of the SDK cannot."""
        close = getattr(self._client.aio, "aclose", None)
        if close is not None:
            await close()

    def explain(self, error: Exception) -> str | None:
        """What a failure means."""
        if isinstance(error, errors.APIError):
            return said(error.code or 0, error.details, str(error.message), "GOOGLE_API_KEY")
        if isinstance(error, (TimeoutError, httpx.TimeoutException)):
            return "the vendor did not answer in time"
        # Which HTTP library the SDK uses depends on its release.
        if type(error).__module__.partition(".")[0] in ("aiohttp", "httpx", "httpx2"):
            return reached("the Gemini API", error)
        return None


class GeminiConversation:
    """A task under way, by `generateContent`."""

    def __init__(self, client: genai.Client, task: Task) -> None:
        self._client = client
        self._model = task.model
        self._contents: list[Any] = [_content(message) for message in task.messages]
        self._config = _config(task)

    async def ask(self) -> Reply:
        """The model's next turn."""
        turn = _Turn()
        turn.add(
            await self._client.aio.models.generate_content(
                model=self._model, contents=self._contents, config=self._config
            )
        )
        return self._end(turn)

    async def stream(self) -> AsyncIterator[str | Reply]:
        """The model's next turn, in pieces."""
        turn = _Turn()
        events = await self._client.aio.models.generate_content_stream(
            model=self._model, contents=self._contents, config=self._config
        )
        async for event in events:
            for text in turn.add(event):
                yield text
        yield self._end(turn)

    def add(self, results: Sequence[ToolResult]) -> None:
        """Tells the model what came of its calls; all of them in one message."""
        self._contents.append(_results(results))
        # A tool that had to be used has been.
        self._config.tool_config = None

    def _end(self, turn: _Turn) -> Reply:
        reply = turn.reply()
        # To the letter: calls are signed, and newer models refuse them without the signature.
        self._contents.append(types.Content(role="model", parts=turn.parts))
        return reply


class _Turn:
    """What the model has said so far."""

    def __init__(self) -> None:
        self.parts: list[types.Part] = []
        self.finish: str | None = None
        self.usage = Usage()

    def add(self, answer: types.GenerateContentResponse) -> list[str]:
        """Adds an answer, or a piece of it; the text that it brings."""
        used = answer.usage_metadata
        if used is not None:
            thoughts = used.thoughts_token_count or 0
            self.usage = Usage(
                used.prompt_token_count or 0, (used.candidates_token_count or 0) + thoughts
            )
        blocked = answer.prompt_feedback and answer.prompt_feedback.block_reason
        if blocked:
            self.finish = "BLOCKED"
        fresh: list[types.Part] = []
        for candidate in (answer.candidates or ())[:1]:
            if candidate.finish_reason is not None:
                self.finish = candidate.finish_reason.value
            fresh = list((candidate.content and candidate.content.parts) or ())
        self.parts.extend(fresh)
        return [part.text for part in fresh if part.text and not part.thought]

    def reply(self) -> Reply:
        """The turn as a whole; raises `BrokenReplyError`."""
        if self.finish is None:
            raise BrokenReplyError("the answer ended in the middle of the model's turn")
        if self.finish in _UNFINISHED:
            raise BrokenReplyError(f"the model's turn ended with {self.finish}")
        calls = [part.function_call for part in self.parts if part.function_call]
        stop: Any = {"STOP": None, "MAX_TOKENS": "max_tokens"}.get(self.finish, "refusal")
        return Reply(
            "".join(part.text for part in self.parts if part.text and not part.thought),
            self.usage,
            tuple(
                ToolCall(call.id or "", call.name or "", dict(call.args or {})) for call in calls
            ),
            stop,
        )


def _config(task: Task) -> types.GenerateContentConfig:
    fields: dict[str, Any] = {
        _PARAMS[name]: value for name, value in task.params.items() if name in _PARAMS
    }
    stop = fields.get("stop_sequences")
    if isinstance(stop, str):
        fields["stop_sequences"] = [stop]
    if task.system:
        fields["system_instruction"] = task.system
    if task.tools:
        declarations = [
            types.FunctionDeclaration(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=dict(tool.schema),
            )
            for tool in task.tools
        ]
        fields["tools"] = [types.Tool(function_declarations=declarations)]
        fields["tool_config"] = _tool_config(task.params.get("tool_choice"))
    if task.schema is not None:
        fields["response_mime_type"] = "application/json"
        fields["response_json_schema"] = dict(task.schema.schema)
    return types.GenerateContentConfig(**fields)


def _tool_config(choice: Any) -> types.ToolConfig | None:
    """The choice of a tool, in OpenAI's words, as Google has it."""
    modes = {"required": "ANY", "none": "NONE"}
    names = None
    if isinstance(choice, dict) and "function" in choice:
        names = [choice["function"]["name"]]
    mode = "ANY" if names else modes.get(str(choice))
    if mode is None:
        return None
    return types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(
            mode=types.FunctionCallingConfigMode(mode), allowed_function_names=names
        )
    )


def _content(message: Message) -> types.Content:
    if message.results:
        return _results(message.results)
    parts = [_part(part) for part in message.parts]
    parts.extend(
        types.Part(
            function_call=types.FunctionCall(
                id=call.id or None, name=call.name, args=dict(call.arguments or {})
            )
        )
        for call in message.calls
    )
    return types.Content(role="model" if message.role == "assistant" else "user", parts=parts)


def _part(part: Part) -> types.Part:
    if isinstance(part, str):
        return types.Part(text=part)
    mime_type = part.mime_type.replace("image/*", "image/png")
    if part.url is not None:
        return types.Part(file_data=types.FileData(file_uri=part.url, mime_type=mime_type))
    data = base64.b64decode(part.data or "")
    return types.Part(inline_data=types.Blob(data=data, mime_type=mime_type))


def _results(results: Sequence[ToolResult]) -> types.Content:
    parts = [
        types.Part(
            function_response=types.FunctionResponse(
                id=result.call.id or None,
                name=result.call.name,
                response={"error" if result.is_error else "output": result.text},
            )
        )
        for result in results
    ]
    parts.extend(_part(media) for result in results for media in result.media)
    return types.Content(role="user", parts=parts)
