"""The loop of an LLM provider: ask the model, run the tools that it wants, ask again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mesh.calling.streams import closing
from mesh.thinking.toolbox import Toolbox
from mesh.thinking.vendor import BrokenReplyError, Conversation, Reply
from mesh.thinking.wire import Chunk, End, LlmAnswer, Usage


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take."""

    # Turns of the model.
    iterations: int
    # For the whole answer; of a stream, from one piece to the next.
    seconds: float


@dataclass(frozen=True, slots=True)
class Thought:
    """A request under way."""

    conversation: Conversation
    toolbox: Toolbox
    limits: Limits
    parallel: bool

    async def answer(self, model: str) -> LlmAnswer:
        """The model's answer; raises `TimeoutError`. One that still wants tools in its last turn
        has none, and its tools are not run: nobody would tell it what came of them."""
        usage = Usage(model=model)
        async with asyncio.timeout(self.limits.seconds):
            for turn in range(1, self.limits.iterations + 1):
                reply = await self.conversation.ask()
                usage += reply.usage
                if is_final(reply):
                    return LlmAnswer(reply.text, usage, reply.stop_reason)
                if turn < self.limits.iterations:
                    results = await self.toolbox.run(reply.calls, parallel=self.parallel)
                    self.conversation.add(results)
        return LlmAnswer("", usage, "max_iterations")

    async def frames(self, model: str) -> AsyncIterator[Chunk | End]:
        """The text of every turn, piece by piece, and the end."""
        usage = Usage(model=model)
        has_spoken = False
        for turn in range(1, self.limits.iterations + 1):
            reply: Reply | None = None
            is_first_piece = True
            pieces = self._pieces()
            async with closing(pieces):
                async for piece in pieces:
                    if isinstance(piece, Reply):
                        reply = piece
                    elif piece:
                        # What it said before it used its tools is a paragraph of its own.
                        if has_spoken and is_first_piece:
                            yield Chunk("\n\n")
                        is_first_piece = False
                        has_spoken = True
                        yield Chunk(piece)
            if reply is None:
                raise BrokenReplyError("the stream ended before the model's turn did")
            usage += reply.usage
            if is_final(reply):
                yield End(reply.stop_reason, usage)
                return
            if turn < self.limits.iterations:
                async with asyncio.timeout(self.limits.seconds):
                    results = await self.toolbox.run(reply.calls, parallel=self.parallel)
                self.conversation.add(results)
        yield End("max_iterations", usage)

    async def _pieces(self) -> AsyncIterator[str | Reply]:
        pieces = self.conversation.stream()
        async with closing(pieces):
            while True:
                try:
                    async with asyncio.timeout(self.limits.seconds):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    return
                yield piece


def is_final(reply: Reply) -> bool:
    """Whether the model is done. A turn that was cut may end in the middle of a call."""
    return not reply.calls or reply.stop_reason is not None
