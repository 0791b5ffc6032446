"""What is injected for `mesh.MeshLlmAgent`.

It reads its provider and its tools in the wiring with every question, so what has left the mesh is
not asked, and not offered to the model.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mesh.asking.frames import whole
from mesh.asking.mesh_llm_agent import ContextMode, Media, MeshLlmAgent, Message
from mesh.asking.request import Question, Requests
from mesh.calling.proxies import AsyncProxy, BlockingProxy
from mesh.thinking.errors import LLMAPIError

if TYPE_CHECKING:
    from mesh._mesh import Target
    from mesh.calling.membership import Membership


class Asking(MeshLlmAgent):
    """What both kinds of agents share."""

    __slots__ = ("_context", "_function", "_member", "_prompt", "_provider", "_requests")

    def __init__(
        self,
        member: Membership,
        function: str,
        requests: Requests,
        provider: Mapping[str, Any],
        context: Any,
    ) -> None:
        self._member = member
        self._function = function
        self._requests = requests
        self._provider = provider
        self._context = context
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

    def _arguments(self, question: Question, *, is_stream: bool) -> dict[str, Any]:
        request = self._requests.request(
            question,
            (self._prompt, self._context),
            self._member.agent.llm_tools(self._function),
            is_stream=is_stream,
        )
        return {"request": request}

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
        question = Question(message, media, context, context_mode, params)
        arguments = self._arguments(question, is_stream=False)
        began = time.monotonic()
        with self._answering():
            answer = await AsyncProviderProxy(self._member, self._target())(arguments)
            return self._requests.result(answer, self._provider, began)

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
        question = Question(message, media, context, context_mode, params)
        arguments = self._arguments(question, is_stream=True)
        provider = AsyncProviderProxy(self._member, self._target())
        with self._answering():
            answer = whole(await provider(arguments))
            self._requests.check(answer)
        yield answer.content


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
        question = Question(message, media, context, context_mode, params)
        arguments = self._arguments(question, is_stream=False)
        began = time.monotonic()
        with self._answering():
            answer = BlockingProviderProxy(self._member, self._target())(arguments)
            return self._requests.result(answer, self._provider, began)

    def stream(self, *_args: Any, **_kwargs: Any) -> AsyncIterator[str]:
        """Not in a thread."""
        raise TypeError("a `def` tool cannot stream an LLM's answer: make the tool `async def`")


class AsyncProviderProxy(AsyncProxy):
    """The provider's tool, for one question."""

    __slots__ = ()

    def __init__(self, membership: Membership, target: Target) -> None:
        super().__init__(membership, "", 0, target)

    def _wired(self) -> Target:
        return self._target


class BlockingProviderProxy(BlockingProxy):
    """The provider's tool, for one question."""

    __slots__ = ()

    def __init__(self, membership: Membership, target: Target) -> None:
        super().__init__(membership, "", 0, target)

    def _wired(self) -> Target:
        return self._target
