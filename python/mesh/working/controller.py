"""The job that a task works on, in the hands of its handler."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from mesh._mesh import RegistryError
from mesh.working.event_reader import EventReader
from mesh.working.lease import Lease
from mesh.working.mesh_job import MeshJob
from mesh.working.pauses import Pause
from mesh.working.reporter import Claim, Reporter
from mesh.working.requests import Fields

logger = logging.getLogger("mesh")

# Attempts to give a claim back; a registry that is away takes it by itself when the lease ends.
RELEASE_ATTEMPTS = 4


class JobController(MeshJob):
    """Injected into a task that works on a job. Its methods are awaited."""

    __slots__ = ("_claim", "_events", "_has_ended", "_lease", "_reporter")

    def __init__(
        self,
        claim: Claim,
        lease: Lease,
        reporter: Reporter,
        cursor: Mapping[str, int],
        superseded: Callable[[], None],
    ) -> None:
        self._claim = claim
        self._lease = lease
        self._reporter = reporter
        executor: Fields = {}
        if claim.epoch is not None:
            executor = {"instance_id": reporter.instance_id, "claim_epoch": claim.epoch}
        self._events = EventReader(
            reporter.requests, claim.job_id, executor, lease, cursor, superseded
        )
        self._has_ended = False

    def __repr__(self) -> str:
        return f"<MeshJob {self._claim.job_id} claim {self._claim.epoch}>"

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._claim.job_id

    @property
    def claim_epoch(self) -> int | None:
        """How often the job was claimed, this time included; None when it was not claimed."""
        return self._claim.epoch

    async def update_progress(self, progress: float, message: str | None = None) -> None:
        """Says how far the job is; told within two seconds, and of the latest only."""
        progress = float(progress)
        if not math.isfinite(progress):
            raise ValueError(f"progress must be a number, by convention from 0 to 1: {progress}")
        if self._has_ended:
            return
        self._lease.extend()
        delta = self._delta(progress=progress, progress_message=message)
        self._reporter.note(self._claim, delta, within=self._lease.window / 3)

    async def request_input(self, prompt: str | None = None) -> None:
        """Says at once that the job waits for somebody."""
        if self._has_ended:
            return
        self._lease.extend()
        await self._reporter.tell(
            self._claim, self._delta(status="input_required", progress_message=prompt)
        )

    async def recv_event(
        self, types: Sequence[str] | None = None, timeout_secs: float | None = None
    ) -> dict[str, Any] | None:
        """The next event of these types, or None when the time is over."""
        return await self._events.next(types, timeout_secs)

    async def complete(self, result: Any = None) -> None:
        """Ends the job with a result, at once."""
        await self._end(status="completed", progress=1.0, result=plain(result))

    async def fail(self, error: str) -> None:
        """Ends the job with an error, at once."""
        await self._end(status="failed", error=str(error))

    async def release_lease(self, reason: str | None = None) -> None:
        """Gives the job back, for another attempt if it has one left."""
        if self._has_ended:
            return
        self._has_ended = True
        if self._events.cursor:
            # Whoever goes on wants to know up to where events were read.
            self._reporter.note(self._claim, self._delta(), within=0)
        await self._reporter.tell_rest(self._claim)
        await self.give_back(reason)

    async def give_back(self, reason: str | None) -> None:
        """Tells the registry that the claim is over, whatever the handler does."""
        self._has_ended = True
        request: Fields = {"instance_id": self._reporter.instance_id}
        if self._claim.epoch is not None:
            request["claim_epoch"] = self._claim.epoch
        if reason is not None:
            request["reason"] = reason
        pause = Pause(0.2, 5)
        for attempt in range(1, RELEASE_ATTEMPTS + 1):
            try:
                await self._reporter.requests.release(self.job_id, request)
            except RegistryError as error:
                is_away = error.transient or error.status is None
                if is_away and attempt < RELEASE_ATTEMPTS:
                    await pause.sleep()
                    continue
                # Somebody else has it, it is over, or its lease will end.
                logger.info("job %s was not given back: %s", self.job_id, error)
            return

    def abandon(self) -> None:
        """The job is somebody else's, or over: nothing is said of it any more."""
        self._has_ended = True
        self._reporter.forget(self._claim)

    async def is_terminal(self) -> bool:
        """Whether the job was completed, failed or given back here."""
        return self._has_ended

    @property
    def has_ended(self) -> bool:
        """As `is_terminal`, for those that do not wait."""
        return self._has_ended

    async def _end(self, **fields: Any) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        try:
            await self._reporter.tell(self._claim, self._delta(**fields))
        except RuntimeError:
            # A result that the registry refuses is not one; the handler may still fail.
            self._has_ended = False
            raise

    def _delta(self, **fields: Any) -> Fields:
        delta = {name: value for name, value in fields.items() if value is not None}
        if self._events.cursor:
            delta["recv_cursor"] = dict(self._events.cursor)
        return delta


def plain(result: Any) -> Any:
    """A result as JSON has it: models, dates and the like as pydantic writes them."""
    try:
        return json.loads(to_json(result, inf_nan_mode="null"))
    except ValueError as error:
        logger.warning("a job's result is kept as text: %s", error)
        return {"value": str(result)}
