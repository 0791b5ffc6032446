"""What an LLM provider does with a request."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from typing import Any

from mesh.calling import membership
from mesh.calling.headers import time_budget
from mesh.calling.streams import closing
from mesh.serving.environment import read_flag
from mesh.thinking import messages, output, params
from mesh.thinking.failures import without_keys
from mesh.thinking.loop import Limits, Thought
from mesh.thinking.messages import RequestError
from mesh.thinking.toolbox import Toolbox
from mesh.thinking.vendor import BrokenReplyError, Task, Vendor
from mesh.thinking.vendors.choice import Choice, choose
from mesh.thinking.wire import MeshLlmRequest

logger = logging.getLogger("mesh")

# Seconds for one request where neither the caller nor the agent's settings name any.
_PATIENCE = 300.0


class Provider:
    """A model, and how to reach it. Answers many requests at a time."""

    def __init__(self, model: str, declared: Mapping[str, Any]) -> None:
        self.model = model
        self._declared = dict(declared)
        self._access = params.access(declared)
        # Loaded by the first request. SDKs tie their connections to the event loop.
        self._vendor: asyncio.Task[Vendor] | None = None

    def missing(self) -> str | None:
        """What has to be installed before the agent can start; None when nothing."""
        return self._choice().missing(self.model)

    async def answer(self, request: MeshLlmRequest | Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer; raises FastMCP's `ToolError`."""
        vendor: Vendor | None = None
        model = self.model
        try:
            vendor = await self._ready()
            model, thought = self._begin(vendor, request)
            answer = await thought.answer(model)
        except Exception as error:
            raise _failure(error, model, vendor, self._access.api_key) from error
        return answer.to_wire()

    async def frames(self, request: MeshLlmRequest | Mapping[str, Any]) -> AsyncIterator[str]:
        """The answer piece by piece, as frames; raises FastMCP's `ToolError`."""
        vendor: Vendor | None = None
        model = self.model
        try:
            vendor = await self._ready()
            model, thought = self._begin(vendor, request)
            frames = thought.frames(model)
            async with closing(frames):
                async for frame in frames:
                    yield frame.to_wire()
        except Exception as error:
            raise _failure(error, model, vendor, self._access.api_key) from error

    async def close(self) -> None:
        """Ends the connections to the vendor; the next request makes new ones."""
        loading, self._vendor = self._vendor, None
        if loading is not None and loading.done() and not _has_failed(loading):
            await loading.result().close()

    def _choice(self) -> Choice:
        return choose(
            self.model,
            is_native=read_flag(os.environ, "MCP_MESH_NATIVE_LLM", default=True),
            has_both=read_flag(
                os.environ, "MCP_MESH_GEMINI_NATIVE_STRUCTURED_TOOLS", default=False
            ),
        )

    async def _ready(self) -> Vendor:
        loading = self._vendor
        if (
            loading is None
            or _has_failed(loading)
            or loading.get_loop() is not asyncio.get_running_loop()
        ):
            # An SDK takes a second to import, and probes must not wait that long.
            load = asyncio.to_thread(self._choice().load, self._access)
            loading = self._vendor = asyncio.create_task(load)
        # Others wait for it, too, when the request that began it is called off.
        return await asyncio.shield(loading)

    def _begin(
        self, vendor: Vendor, raw: MeshLlmRequest | Mapping[str, Any]
    ) -> tuple[str, Thought]:
        request = _understood(raw)
        requested = request.model_params or {}
        toolbox = Toolbox(request.tools or ())
        system, conversation = messages.read(request.messages)
        model = params.model_of(self.model, requested)
        name = model if self._choice().keeps_prefix else model.partition("/")[2] or model
        mode, schema = output.wanted(requested)
        if schema is not None and (
            mode == "hint" or not vendor.holds(name, has_tools=bool(toolbox.specs))
        ):
            system = "\n\n".join(text for text in (system, output.hint(schema)) if text)
            schema = None
        parallel = requested.get("parallel_tool_calls") is True
        task = Task(
            model=name,
            messages=conversation,
            system=system,
            tools=toolbox.specs,
            parallel=parallel,
            schema=schema,
            params=params.merged(self._declared, requested),
        )
        limits = Limits(params.iterations(requested), _seconds())
        return model, Thought(vendor.begin(task), toolbox, limits, parallel)


def _has_failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _understood(request: MeshLlmRequest | Mapping[str, Any]) -> MeshLlmRequest:
    """A request by a tool of the same agent comes as it was passed."""
    if isinstance(request, MeshLlmRequest):
        return request
    known = {field.name for field in fields(MeshLlmRequest)}
    try:
        return MeshLlmRequest(**{name: request[name] for name in request if name in known})
    except TypeError:
        raise RequestError("a request has messages") from None


def _seconds() -> float:
    member = membership.current()
    return time_budget(member.call_timeout if member else _PATIENCE)


def _failure(error: Exception, model: str, vendor: Vendor | None, key: str | None) -> Exception:
    """What the consumer is told: FastMCP hands a `ToolError` on as it is."""
    from fastmcp.exceptions import ToolError

    if isinstance(error, ToolError):
        return error
    if isinstance(error, RequestError):
        return ToolError(f"the request cannot be understood: {error}")
    reason = _reason(error, vendor)
    if reason is None:
        # An answer that the SDK could not read, or a client that could not be made.
        reason = str(error) or type(error).__name__
        logger.debug("%s failed", model, exc_info=error)
    text = without_keys(f"{model}: {reason}", os.environ, key)
    logger.warning("an LLM request failed: %s", text)
    return ToolError(text)


def _reason(error: Exception, vendor: Vendor | None) -> str | None:
    if isinstance(error, BrokenReplyError):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"no answer within {_seconds():g} s"
    return vendor.explain(error) if vendor is not None else None
