"""`mesh.A2AStream`: what happens to a task, as the agent tells it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any

from mesh.consuming.client import checked
from mesh.consuming.job import Progress
from mesh.consuming.tasks import (
    A2AEvent,
    A2AJobFailed,
    Fields,
    event_of,
    raise_unless_completed,
    value_of,
)

if TYPE_CHECKING:
    import httpx

    from mesh.types import MeshJob


class A2AStream:
    """The events of one task: `async for event in stream`. It closes itself after the last."""

    def __init__(self, response: httpx.Response, task_id: str) -> None:
        self.task_id = task_id
        self._response = response
        self._events = self._read()

    def __aiter__(self) -> A2AStream:
        return self

    async def __anext__(self) -> A2AEvent:
        return await anext(self._events)

    async def __aenter__(self) -> A2AStream:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stops listening; the task goes on."""
        await self._events.aclose()
        await self._response.aclose()

    async def bridge(self, mesh_job: MeshJob | None) -> Any:
        """Reports progress to a job of the mesh until the task has ended; what that is to return.

        Raises `A2AJobFailed` or `A2AJobCanceled`.
        """
        progress = Progress(mesh_job)
        artifact: str | None = None
        state: str | None = None
        async with self:
            async for event in self:
                if event.artifact_text is not None:
                    artifact = (artifact or "") + event.artifact_text
                if event.final and event.state is not None:
                    raise_unless_completed(self.task_id, event.state, event.message)
                    state = event.state
                elif event.kind == "status":
                    await progress.report(event.progress, event.message)
        if state is None and artifact is None:
            raise A2AJobFailed(f"the stream of A2A task {self.task_id} ended before the task did")
        return value_of(artifact or "")

    async def _read(self) -> AsyncGenerator[A2AEvent, None]:
        url = str(self._response.url)
        try:
            async for message in _messages(self._response.aiter_lines()):
                event = event_of(checked(url, message))
                yield event
                if event.final:
                    return
        finally:
            await self._response.aclose()


async def _messages(lines: AsyncIterator[str]) -> AsyncIterator[Fields]:
    """The JSON of the events of a `text/event-stream`."""
    data: list[str] = []
    async for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            text, data = "\n".join(data), []
            try:
                message = json.loads(text)
            except ValueError:
                message = {"error": f"an event that is no JSON: {text[:200]!r}"}
            yield message if isinstance(message, dict) else {"error": message}
