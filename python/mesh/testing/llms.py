"""An LLM that says what a test has written for it. All that is around the model is real: the
provider's loop, the tools that it runs, its stream."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mesh.calling.headers import Inbound, received
from mesh.calling.membership import Membership, acting_as, to_json
from mesh.testing.providers import Said, ignored
from mesh.testing.results import failure_of, result_of
from mesh.thinking import vendor
from mesh.thinking.provider import Provider
from mesh.thinking.vendor import Access, Conversation, Reply, Task, ToolResult, Vendor
from mesh.thinking.vendors.choice import Choice
from mesh.thinking.wire import STREAM_TAG, Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable

    Work = Callable[[], Awaitable[Any]]

INPUT: Mapping[str, Any] = {
    "type": "object",
    "properties": {"request": {"type": "object"}},
    "required": ["request"],
}
_PIECES = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the scripted model wants, by the name that it was offered under."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


# A text, one call or several, an error, anything that is JSON, or a function of the request that
# returns one of these.
Turn = Any


class FakeLlm:
    """An LLM provider whose model says one turn of its script after the other.

    `requests` are the requests that it got, `results` what came of the tools that it wanted.
    """

    def __init__(self, name: str, capability: str, model: str, turns: Iterable[Turn]) -> None:
        self.name = name
        self.capability = capability
        self.model = model
        # What it says next; may be added to at any time.
        self.script: deque[Turn] = deque(turns)
        self.requests: list[dict[str, Any]] = []
        self.results: list[str] = []
        self.member: Membership | None = None

    def __repr__(self) -> str:
        return f"<FakeLlm {self.name} of {self.capability}>"

    def tools(self, tags: Sequence[str], version: str) -> list[Mapping[str, Any]]:
        """What the registry is told: LLM providers come as two tools."""
        common = {
            "capability": self.capability,
            "version": version,
            "inputSchema": INPUT,
            "kwargs": {"vendor": self.model.partition("/")[0]},
        }
        return [
            {"function_name": self.capability, "tags": list(tags), **common},
            {"function_name": self._stream, "tags": [*tags, STREAM_TAG], **common},
        ]

    async def result(
        self, function: str, arguments: dict[str, Any], request: Inbound, said: Said = ignored
    ) -> dict[str, Any]:
        """The result of a `tools/call`, as it is on the wire."""
        from fastmcp.exceptions import ToolError

        asked = arguments.get("request") or {}
        self.requests.append(asked)
        provider = _ScriptedProvider(self, asked)
        assert self.member is not None  # noqa: S101  it is in the mesh
        try:
            with acting_as(self.member), received(request):
                if function != self._stream:
                    return result_of(await provider.answer(asked))
                frames = []
                async for frame in provider.frames(asked):
                    said(frame)
                    frames.append(frame)
                return result_of("".join(frames))
        except ToolError as error:
            return failure_of(str(error))

    async def ask(self, method: str, _params: dict[str, Any], _request: Inbound) -> dict[str, Any]:
        """Nothing but its tools can be asked."""
        raise RuntimeError(f"the fake LLM `{self.name}` answers no {method}")

    def turn(self, request: Mapping[str, Any]) -> Turn:
        """What it says next; raises `RuntimeError` at the end of the script."""
        if not self.script:
            raise RuntimeError(
                f"the script of the fake LLM `{self.name}` is over: give `m.llm` one turn more"
            )
        turn = self.script.popleft()
        is_function = callable(turn) and not isinstance(turn, type)
        return turn(request) if is_function else turn

    @property
    def _stream(self) -> str:
        return f"{self.capability}_stream"


class _ScriptedProvider(Provider):
    """A provider for one request."""

    def __init__(self, llm: FakeLlm, request: Mapping[str, Any]) -> None:
        super().__init__(llm.model, {})
        self._scripted = _Scripted(llm, request)

    def _choice(self) -> Choice:
        return _Here("", "", (), "", vendor=self._scripted)


@dataclass(frozen=True, slots=True)
class _Here(Choice):
    """Needs no SDK."""

    vendor: Vendor | None = None

    def load(self, _access: Access) -> Vendor:
        """What was made already."""
        assert self.vendor is not None  # noqa: S101  it is made with one
        return self.vendor


class _Scripted:
    """Stands for a vendor's API."""

    def __init__(self, llm: FakeLlm, request: Mapping[str, Any]) -> None:
        self._llm = llm
        self._request = request

    def begin(self, _task: Task) -> Conversation:
        """Starts a conversation."""
        return _Conversation(self._llm, self._request)

    def holds(self, _model: str, *, has_tools: bool) -> bool:  # noqa: ARG002  the vendor's API
        """A script keeps to any schema, or breaks it on purpose."""
        return True

    async def close(self) -> None:
        """There is nothing to close."""

    def explain(self, error: Exception) -> str | None:
        """The words of the test."""
        return str(error)


class _Conversation:
    """Takes its turns from the script."""

    def __init__(self, llm: FakeLlm, request: Mapping[str, Any]) -> None:
        self._llm = llm
        self._request = request

    async def ask(self) -> Reply:
        """The next turn."""
        return _reply(self._llm.turn(self._request), self._llm.model)

    async def stream(self) -> AsyncIterator[str | Reply]:
        """The same, word by word."""
        reply = await self.ask()
        for piece in _PIECES.findall(reply.text):
            yield piece
        yield reply

    def add(self, results: Sequence[ToolResult]) -> None:
        """What came of the calls of its last turn."""
        self._llm.results += [result.text for result in results]


def _reply(turn: Turn, model: str) -> Reply:
    if isinstance(turn, Exception):
        raise turn
    calls = [turn] if isinstance(turn, ToolCall) else turn
    if isinstance(calls, list) and calls and all(isinstance(each, ToolCall) for each in calls):
        wanted = tuple(
            vendor.ToolCall(f"call-{number}", each.name, each.arguments)
            for number, each in enumerate(calls, start=1)
        )
        return Reply("", Usage(1, 1, model), wanted)
    text = turn if isinstance(turn, str) else to_json(turn)
    return Reply(text, Usage(1, len(text.split()), model))
