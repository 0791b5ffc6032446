"""The JSON-RPC methods of one skill."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from mesh.calling.endpoints import STREAM_HEADERS
from mesh.surfaces.surface import Surface
from mesh.surfaces.task import Fields, Task
from mesh.surfaces.tasks import Tasks

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
NO_METHOD = -32601
INVALID_PARAMS = -32602
NO_TOKEN = -32001


class RpcError(Exception):
    """What a client is told instead of a result."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Protocol:
    """Answers the requests to one skill."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._tasks = Tasks()
        self._methods = {
            "tasks/send": self._send,
            "tasks/get": self._get,
            "tasks/cancel": self._cancel,
            "tasks/sendSubscribe": self._send_subscribe,
            "tasks/resubscribe": self._resubscribe,
        }

    async def answer(self, request: Request) -> Response:
        """Answers one request."""
        request_id = None
        try:
            self._require_token(request)
            call = await _read(request)
            request_id = call.get("id")
            method = self._methods.get(str(call.get("method")))
            if method is None:
                raise RpcError(
                    NO_METHOD,
                    f"no method {call.get('method')!r}; there are {', '.join(self._methods)}",
                )
            params = call.get("params") or {}
            if not isinstance(params, dict):
                raise RpcError(INVALID_PARAMS, "params must be an object")
            return await method(request_id, params)
        except RpcError as error:
            body = {"code": error.code, "message": str(error)}
            headers = {"www-authenticate": "Bearer"} if error.code == NO_TOKEN else None
            return JSONResponse(
                {"jsonrpc": "2.0", "id": request_id, "error": body}, error.status, headers
            )

    async def _send(self, request_id: Any, params: Fields) -> Response:
        task, runner = self._start(params)
        # A client that hangs up does not end it.
        await asyncio.wait({runner})
        return _result(request_id, task)

    async def _get(self, request_id: Any, params: Fields) -> Response:
        task = self._known(params)
        await _asked(task.refresh())
        return _result(request_id, task)

    async def _cancel(self, request_id: Any, params: Fields) -> Response:
        task = self._known(params)
        await _asked(task.cancel())
        return _result(request_id, task)

    async def _send_subscribe(self, request_id: Any, params: Fields) -> Response:
        task, _runner = self._start(params)
        return _stream(request_id, task)

    async def _resubscribe(self, request_id: Any, params: Fields) -> Response:
        return _stream(request_id, self._known(params))

    def _start(self, params: Fields) -> tuple[Task, asyncio.Task[None]]:
        message = params.get("message") or {}
        if not isinstance(message, dict):
            raise RpcError(INVALID_PARAMS, "message must be an object")
        task_id = str(params.get("id") or uuid.uuid4())
        former = self._tasks.get(task_id)
        if former is not None and not former.is_over:
            raise RpcError(INVALID_PARAMS, f"task {task_id} is still being worked on; use a new id")
        task = Task(task_id, str(params.get("sessionId") or task_id), message)
        self._tasks.add(task)
        return task, task.start(self._surface.handler.wrapper)

    def _known(self, params: Fields) -> Task:
        if not params.get("id"):
            raise RpcError(INVALID_PARAMS, "params need the id of a task")
        task = self._tasks.get(str(params["id"]))
        if task is None:
            raise RpcError(INVALID_PARAMS, f"Unknown task id: {params['id']}")
        return task

    def _require_token(self, request: Request) -> None:
        if not self._surface.needs_bearer:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RpcError(
                NO_TOKEN, "this skill needs a header `Authorization: Bearer <token>`", status=401
            )


async def _read(request: Request) -> Fields:
    try:
        call = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise RpcError(PARSE_ERROR, "the request is not JSON", status=400) from None
    if not isinstance(call, dict):
        raise RpcError(INVALID_REQUEST, "a request is an object", status=400)
    return call


async def _asked(what: Any) -> None:
    """Waits for what the registry is asked, which may fail."""
    try:
        await what
    except RuntimeError as error:
        raise RpcError(-32603, f"the state of the task is not known: {error}") from error


def _result(request_id: Any, task: Task) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": request_id, "result": task.to_wire()})


def _stream(request_id: Any, task: Task) -> Response:
    return StreamingResponse(
        _events(request_id, task), media_type="text/event-stream", headers=STREAM_HEADERS
    )


async def _events(request_id: Any, task: Task) -> AsyncIterator[str]:
    try:
        async for event in task.follow():
            if event is None:
                yield ": still at it\n\n"
            else:
                yield _event({"jsonrpc": "2.0", "id": request_id, "result": event})
    except RuntimeError as error:
        body = {"code": -32603, "message": f"the state of the task is not known: {error}"}
        yield _event({"jsonrpc": "2.0", "id": request_id, "error": body})


def _event(message: Fields) -> str:
    return f"data: {json.dumps(message)}\n\n"
