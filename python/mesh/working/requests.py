"""What agents ask the registry about jobs, awaited, and its refusals as errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from mesh._mesh import RegistryError
from mesh.calling.membership import to_json

if TYPE_CHECKING:
    from mesh._mesh import CallHandle, Jobs

Fields = dict[str, Any]
T = TypeVar("T")

# The longest that a registry is asked to wait for something to happen, in seconds. Proxies that
# stand between tend to give up after a minute.
LONGEST_WAIT = 30.0


class JobNotFoundError(RuntimeError):
    """The registry knows no such job, or no longer."""


class JobTerminalError(RuntimeError):
    """The job is over, so nothing reaches it any more."""


class JobRequests:
    """The registry's routes for jobs. Every failure is a `RegistryError`."""

    def __init__(self, native: Jobs) -> None:
        self._native = native

    async def create(self, request: Mapping[str, Any]) -> Fields:
        """Creates a job; its `id`, `status` and `owner_instance_id`."""
        text = to_json(request)
        answer: Fields = await self._answer(lambda future: self._native.create(text, future))
        return _with("id", answer)

    async def get(self, job_id: str, wait: float = 0, known: str = "working") -> Fields:
        """The job, once it is over or in another state than `known`, or after `wait` seconds."""
        answer: Fields = await self._answer(
            lambda future: self._native.get(job_id, wait, future, known=known)
        )
        return _with("status", answer)

    async def claim(self, capability: str, instance_id: str, wait: float) -> Fields | None:
        """A job for the instance, if there is one within `wait` seconds."""
        return await self._answer(
            lambda future: self._native.claim(capability, instance_id, wait, future)
        )

    async def report(self, instance_id: str, deltas: list[Fields]) -> Fields:
        """Says what became of jobs; the number `accepted`, and those `rejected` with a reason."""
        text = to_json({"instance_id": instance_id, "deltas": deltas})
        return await self._answer(lambda future: self._native.report(text, future))

    async def release(self, job_id: str, request: Mapping[str, Any]) -> Fields:
        """Gives a claim back."""
        text = to_json(request)
        return await self._answer(lambda future: self._native.release(job_id, text, future))

    async def cancel(self, job_id: str, reason: str | None) -> Fields:
        """Calls a job off."""
        return await self._answer(lambda future: self._native.cancel(job_id, reason, future))

    async def post_event(self, job_id: str, event: Mapping[str, Any]) -> Fields:
        """Tells a job something; the event's `job_id`, `seq` and `created_at`."""
        text = to_json(event)
        return await self._answer(lambda future: self._native.post_event(job_id, text, future))

    async def events(self, job_id: str, query: Mapping[str, Any]) -> Fields:
        """The `events` that a job was told, and `next_after`."""
        text = to_json(query)
        answer: Fields = await self._answer(
            lambda future: self._native.events(job_id, text, future)
        )
        return _with("next_after", answer)

    async def _answer(self, send: Callable[[asyncio.Future[T]], CallHandle]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        handle = send(future)
        try:
            return await future
        except asyncio.CancelledError:
            handle.cancel()
            raise


def _with(name: str, answer: Fields) -> Fields:
    """The answer, if it is one."""
    if isinstance(answer, dict) and name in answer:
        return answer
    error = RegistryError(f"the registry's answer has no `{name}`: {answer!r:.200}")
    error.status, error.reason, error.transient = 200, "not an answer", False
    raise error


def is_superseded(error: RegistryError) -> bool:
    """Whether somebody else has claimed the job in the meantime."""
    return error.status == 409 and "claim_superseded" in error.reason


@contextmanager
def job_errors(job_id: str) -> Iterator[None]:
    """What the registry says of an unknown or finished job becomes an error of its own."""
    try:
        yield
    except RegistryError as error:
        if error.status == 404:
            raise JobNotFoundError(f"the registry knows no job `{job_id}`") from error
        if error.status == 409 and not is_superseded(error):
            raise JobTerminalError(f"job `{job_id}`: {error.reason}") from error
        raise
