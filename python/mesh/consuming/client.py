"""`mesh.A2AClient`: asks an A2A agent outside of the mesh."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mesh.consuming.tasks import TERMINAL, A2AJobError, A2AResponse, Fields, response_of, state_of

if TYPE_CHECKING:
    import ssl

    import httpx

    from mesh.consuming.job import A2AJob
    from mesh.consuming.stream import A2AStream

# Seconds without a sign of life after which a stream is over; agents send comments meanwhile.
SILENCE = 60.0
# By which much the pauses between two looks at a task grow.
GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class A2ABearer:
    """The token of requests: itself, or the environment variable that has it when it is needed."""

    token_env: str | None = None
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.token is None) == (self.token_env is None):
            raise ValueError("A2ABearer takes one of token and token_env")

    def header(self) -> dict[str, str]:
        """The header of a request; raises `RuntimeError` while the variable is not set."""
        token = self.token if self.token_env is None else os.environ.get(self.token_env)
        if not token:
            raise RuntimeError(f"A2ABearer: the environment has no {self.token_env}")
        return {"authorization": f"Bearer {token}"}


class A2AClient:
    """Asks one A2A agent; a tool under `@mesh.a2a_consumer` gets it as `_a2a`.

    `url` is where the agent takes JSON-RPC. Times are seconds. A refusal raises `A2AJobError`, no
    answer what httpx raises.
    """

    def __init__(
        self,
        url: str,
        skill_id: str,
        auth: A2ABearer | None = None,
        timeout_default: float = 30.0,
        poll_interval: float = 0.5,
        poll_interval_max: float = 2.0,
    ) -> None:
        self.url = url
        self.skill_id = skill_id
        self.auth = auth
        self.timeout_default = timeout_default
        self.poll_interval = poll_interval
        self.poll_interval_max = poll_interval_max
        self._closed = False
        # Connections belong to an event loop, of which tools may share several.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]
        self._clients = WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"<A2AClient of {self.skill_id} at {self.url}>"

    async def __aenter__(self) -> A2AClient:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def send(
        self,
        message: Fields,
        *,
        task_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the name is public
    ) -> A2AResponse:
        """Sends a message and waits until the task has ended, in whatever state.

        `message` is one of A2A: `{"role": "user", "parts": [{"type": "text", "text": "…"}]}`.
        Raises `TimeoutError`.
        """
        seconds = self.timeout_default if timeout is None else timeout
        deadline = time.monotonic() + seconds
        task_id = task_id or _new_id()
        task = await self.request("tasks/send", {"id": task_id, "message": message}, seconds)
        if state_of(task) not in TERMINAL:
            task = await self.ended(task_id, deadline, None)
        return response_of(task_id, task)

    async def submit(self, message: Fields, *, task_id: str | None = None) -> A2AJob:
        """Sends a message and returns the task, which may go on."""
        from mesh.consuming.job import A2AJob

        task_id = task_id or _new_id()
        task = await self.request("tasks/send", {"id": task_id, "message": message})
        return A2AJob(self, task_id, state_of(task), task)

    async def subscribe(self, message: Fields, *, task_id: str | None = None) -> A2AStream:
        """Sends a message and returns the events of the task as they come."""
        import httpx

        from mesh.consuming.stream import A2AStream

        task_id = task_id or _new_id()
        client = self._client()
        request = client.build_request(
            "POST",
            self.url,
            json=_rpc("tasks/sendSubscribe", {"id": task_id, "message": message}),
            headers={"accept": "text/event-stream", **self._headers()},
            timeout=httpx.Timeout(self.timeout_default, read=max(SILENCE, self.timeout_default)),
        )
        response = await client.send(request, stream=True)
        try:
            await self._refuse(response)
        except BaseException:
            await response.aclose()
            raise
        return A2AStream(response, task_id)

    async def aclose(self) -> None:
        """Closes the connections; the client cannot be used any more."""
        self._closed = True
        await self.disconnect()

    async def disconnect(self) -> None:
        """Closes the connections; the next request makes new ones."""
        clients, self._clients = self._clients, WeakKeyDictionary()
        http = clients.pop(asyncio.get_running_loop(), None)
        # Nobody can wait for other loops, of which one may be blocked; theirs close when collected.
        if http is not None:
            await http.aclose()

    async def request(self, method: str, params: Fields, seconds: float | None = None) -> Fields:
        """The result of one JSON-RPC request."""
        response = await self._client().post(
            self.url,
            json=_rpc(method, params),
            headers=self._headers(),
            timeout=self.timeout_default if seconds is None else seconds,
        )
        await self._refuse(response)
        return result_of(self.url, response.text)

    async def ended(self, task_id: str, deadline: float | None, pause: float | None) -> Fields:
        """The task once it has ended. `deadline` is by the monotonic clock; raises
        `TimeoutError` at it."""
        pause = self.poll_interval if pause is None else pause
        while True:
            if deadline is not None and time.monotonic() + pause > deadline:
                raise TimeoutError(f"A2A task {task_id} of {self.url} has not ended in time")
            await asyncio.sleep(pause)
            task = await self.request("tasks/get", {"id": task_id})
            if state_of(task) in TERMINAL:
                return task
            pause = self.longer(pause)

    def longer(self, pause: float) -> float:
        """The pause after this one."""
        return max(min(pause * GROWTH, self.poll_interval_max), self.poll_interval)

    def _headers(self) -> dict[str, str]:
        return {} if self.auth is None else self.auth.header()

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self._closed:
            raise RuntimeError(f"{self!r} is closed; make a new one")
        loop = asyncio.get_running_loop()
        http = self._clients.get(loop)
        if http is None:
            http = self._clients[loop] = httpx.AsyncClient(verify=_verification())
        return http

    async def _refuse(self, response: httpx.Response) -> None:
        """Raises for a status that is no success, with what the agent says about it."""
        import httpx

        if response.is_success:
            return
        await response.aread()
        try:
            said = json.loads(response.text)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            said = response.reason_phrase
        raise httpx.HTTPStatusError(
            f"{self.url} answered {response.status_code}: {said}",
            request=response.request,
            response=response,
        )


def _verification() -> ssl.SSLContext | bool:
    """With TLS in the mesh its authority counts here too, and its certificate is shown if asked."""
    import httpx

    from mesh.serving.tls import read_tls

    tls = read_tls(os.environ)
    return True if tls is None else tls.trust(httpx.create_ssl_context())


def result_of(url: str, text: str) -> Fields:
    """The result of a JSON-RPC answer; raises `A2AJobError` for an error and for what is none."""
    return checked(url, _object(url, text))["result"]  # type: ignore[no-any-return]


def checked(url: str, message: Fields) -> Fields:
    """A JSON-RPC message with a result."""
    error = message.get("error")
    if error is not None:
        details = error if isinstance(error, dict) else {"message": error}
        raise A2AJobError(
            f"{url} refuses the request: {details.get('message')} ({details.get('code')})"
        )
    if not isinstance(message.get("result"), dict):
        raise A2AJobError(f"{url} answered what is no A2A: {json.dumps(message)[:200]}")
    return message


def _object(url: str, text: str) -> Fields:
    try:
        message = json.loads(text)
    except ValueError:
        message = None
    if not isinstance(message, dict):
        raise A2AJobError(f"{url} answered what is no A2A: {text[:200]!r}")
    return message


def _rpc(method: str, params: Fields) -> Fields:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _new_id() -> str:
    return f"c-{uuid.uuid4().hex}"
