"""What is injected for `mesh.MeshLlmAgent`.

It reads its provider and its tools in the wiring with every question, so what has left the mesh is
not asked, and not offered to the model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mesh.asking.frames import read_piece, whole
from mesh.asking.media import shown, shown_blocking
from mesh.asking.mesh_llm_agent import ContextMode, Media, MeshLlmAgent, Message
from mesh.asking.meta import LlmMeta
from mesh.asking.request import Question
from mesh.asking.tool_calls import ToolCall, calls_of, continued
from mesh.calling.calls import call, call_blocking
from mesh.calling.streaming import blocking, stream
from mesh.thinking.errors import LLMAPIError, MaxIterationsError
from mesh.thinking.wire import LlmAnswer, Usage

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.calling.injection import Filling
    from mesh.calling.membership import Membership


class Asking(MeshLlmAgent):
    """What both kinds of agents share."""

    __slots__ = ("_context", "_function", "_member", "_metas", "_prompt", "_provider", "_requests")

    def __init__(
        self, call: Filling, member: Membership, provider: Mapping[str, Any], context: Any
    ) -> None:
        self._member = member
        self._function = call.declaration.mcp_name
        self._requests = member.llm.requests(call.declaration)
        self._provider = provider
        self._context = context
        self._metas = call.metas
        self._prompt: str | None = None

    def set_system_prompt(self, prompt: str) -> None:
        """Replaces the declared system prompt."""
        self._prompt = prompt

    def __repr__(self) -> str:
        provider = self._wired()
        return f"<{type(self).__name__} {provider['name']} of {provider.get('agent_id')}>"

    def _wired(self) -> Mapping[str, Any]:
        # A provider that has just left may still answer; if not, the error names it.
        self._provider = self._member.agent.llm_provider(self._function) or self._provider
        return self._provider

    def _target(self) -> Target:
        from mesh._mesh import Target

        provider = self._wired()
        return Target.of(
            provider.get("agent_id") or "",
            provider["endpoint"],
            provider["name"],
            provider.get("capability") or "",
        )

    def _request(
        self, question: Question, tools: Sequence[Mapping[str, Any]], *, is_stream: bool
    ) -> dict[str, Any]:
        own = (self._prompt, self._context)
        return self._requests.request(question, own, tools, is_stream=is_stream)

    def _tools(self) -> Sequence[Mapping[str, Any]]:
        return self._member.agent.llm_tools(self._function)

    def _noted(self, answer: LlmAnswer, began: float) -> LlmMeta:
        meta = LlmMeta.of(answer.usage, self._provider, began)
        self._metas.append(meta)
        return meta

    def _exhausted(self, question: Question) -> MaxIterationsError:
        limit = self._requests.limit(question)
        return MaxIterationsError(limit, limit, self._requests.function_id)

    async def _pieces(self, question: Question) -> AsyncGenerator[str, None]:
        request = self._request(question, self._tools(), is_stream=True)
        began = time.monotonic()
        answer = LlmAnswer("")
        pieces = stream(self._member, self._target(), {"request": request})
        with self._answering():
            async with aclosing(pieces):
                async for piece in pieces:
                    content, end = read_piece(piece)
                    answer = end or answer
                    if content:
                        yield content
        self._noted(answer, began)
        self._requests.check(answer, question)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turns what goes wrong on the way into an error that names the provider."""
        try:
            yield
        except (RuntimeError, ValueError) as error:
            provider = self._provider
            raise LLMAPIError(
                f"the LLM provider `{provider['name']}` of `{provider.get('agent_id')}` did not "
                f"answer: {error}"
            ) from error


class AsyncLlmAgent(Asking):
    """Injected into `async def` tools."""

    __slots__ = ()

    async def __call__(
        self,
        message: str | Sequence[Message],
        *,
        media: Media | Sequence[Media] | None = None,
        context: Any = None,
        context_mode: ContextMode = "append",
        **params: Any,
    ) -> Any:
        """Asks."""
        question = Question(message, await shown(media), context, context_mode, params)
        began = time.monotonic()
        answer = await self._answer(question)
        meta = self._noted(answer, began)
        self._requests.check(answer, question)
        return self._requests.result(answer, meta)

    async def _answer(self, question: Question) -> LlmAnswer:
        tools, usage = self._tools(), Usage()
        request = self._request(question, tools, is_stream=False)
        for left in reversed(range(self._requests.limit(question))):
            with self._answering():
                answer = whole(await call(self._member, self._target(), {"request": request}))
            usage += answer.usage or Usage()
            wanted = calls_of(answer, tools)
            if not wanted:
                return replace(answer, usage=usage)
            if not left:
                break
            request = continued(request, answer, await self._results(wanted))
        raise self._exhausted(question)

    async def _results(self, wanted: Sequence[ToolCall]) -> dict[str, Any]:
        if self._requests.runs_tools_at_once:
            results = await asyncio.gather(*(self._run(each) for each in wanted))
        else:
            results = [await self._run(each) for each in wanted]
        return {each.id: result for each, result in zip(wanted, results, strict=True)}

    async def _run(self, wanted: ToolCall) -> Any:
        try:
            return await call(self._member, wanted.target, wanted.arguments)
        except RuntimeError as error:
            raise wanted.failed(error) from error

    async def stream(
        self,
        message: str | Sequence[Message],
        *,
        media: Media | Sequence[Media] | None = None,
        context: Any = None,
        context_mode: ContextMode = "append",
        **params: Any,
    ) -> AsyncIterator[str]:
        """Asks, and hands on the text as it comes."""
        question = Question(message, await shown(media), context, context_mode, params)
        async with aclosing(self._pieces(question)) as pieces:
            async for piece in pieces:
                yield piece


class BlockingLlmAgent(Asking):
    """Injected into `def` tools, which run in threads."""

    __slots__ = ()

    def __call__(
        self,
        message: str | Sequence[Message],
        *,
        media: Media | Sequence[Media] | None = None,
        context: Any = None,
        context_mode: ContextMode = "append",
        **params: Any,
    ) -> Any:
        """Asks, and waits for the answer."""
        question = Question(message, shown_blocking(media), context, context_mode, params)
        began = time.monotonic()
        answer = self._answer(question)
        meta = self._noted(answer, began)
        self._requests.check(answer, question)
        return self._requests.result(answer, meta)

    def _answer(self, question: Question) -> LlmAnswer:
        tools, usage = self._tools(), Usage()
        request = self._request(question, tools, is_stream=False)
        for left in reversed(range(self._requests.limit(question))):
            with self._answering():
                answer = whole(call_blocking(self._member, self._target(), {"request": request}))
            usage += answer.usage or Usage()
            wanted = calls_of(answer, tools)
            if not wanted:
                return replace(answer, usage=usage)
            if not left:
                break
            request = continued(request, answer, {each.id: self._run(each) for each in wanted})
        raise self._exhausted(question)

    def _run(self, wanted: ToolCall) -> Any:
        try:
            return call_blocking(self._member, wanted.target, wanted.arguments)
        except RuntimeError as error:
            raise wanted.failed(error) from error

    def stream(
        self,
        message: str | Sequence[Message],
        *,
        media: Media | Sequence[Media] | None = None,
        context: Any = None,
        context_mode: ContextMode = "append",
        **params: Any,
    ) -> Iterator[str]:
        """Asks, and hands on the text as it comes."""
        question = Question(message, shown_blocking(media), context, context_mode, params)
        return blocking(self._member, self._pieces(question))
