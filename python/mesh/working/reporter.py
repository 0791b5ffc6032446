"""Reports to the registry: what jobs say often is gathered, what matters is sent at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mesh._mesh import RegistryError
from mesh.working.pauses import Pause
from mesh.working.requests import Fields, JobRequests

logger = logging.getLogger("mesh")

# Seconds for which progress is gathered.
INTERVAL = 2.0
# The fields of a delta in the order in which published agents write them.
ORDER = (
    "id",
    "claim_epoch",
    "status",
    "progress",
    "progress_message",
    "result",
    "error",
    "recv_cursor",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One job in the hands of this instance."""

    job_id: str
    # None for a job that was handed over without a claim.
    epoch: int | None


@dataclass(slots=True)
class _Unsent:
    """What the registry has not been told of one job yet."""

    fields: Fields
    told: list[asyncio.Future[None]] = field(default_factory=list)


class RefusedError(RuntimeError):
    """The registry does not take a report; the message is its reason."""


class Reporter:
    """Sends deltas, the latest of each job, until it is closed."""

    def __init__(
        self,
        requests: JobRequests,
        instance_id: str,
        refused: Callable[[Claim, str], None],
    ) -> None:
        self.requests = requests
        self.instance_id = instance_id
        # Hears of each delta that the registry rejects, and why.
        self._refused = refused
        self._unsent: dict[Claim, _Unsent] = {}
        # When the next report is due, in the loop's time.
        self._due = float("inf")
        self._changed = asyncio.Event()
        self._sender = asyncio.create_task(self._send_when_due())

    def note(self, claim: Claim, fields: Fields, within: float) -> None:
        """Tells the registry within so many seconds, or in the usual time; of the latest only."""
        self._add(claim, fields)
        self._wake(min(within, INTERVAL))

    async def tell(self, claim: Claim, fields: Fields) -> None:
        """Tells the registry at once, and whatever it has not been told of the job before.

        Raises `RefusedError`. While the registry is away it goes on trying.
        """
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(claim, fields).told.append(told)
        self._wake(0)
        await told

    async def tell_rest(self, claim: Claim) -> None:
        """Tells at once what is still unsent of the job, if anything."""
        if claim in self._unsent:
            await self.tell(claim, {})

    def forget(self, claim: Claim) -> None:
        """Leaves unsaid what is unsent of the job."""
        unsent = self._unsent.pop(claim, None)
        for told in unsent.told if unsent else ():
            told.cancel()

    async def close(self, patience: float) -> None:
        """Sends what is left, for at most `patience` seconds."""
        if self._unsent:
            self._wake(0)
            told = [self._told(unsent) for unsent in self._unsent.values()]
            await asyncio.wait(told, timeout=patience)
        self._sender.cancel()

    def _told(self, unsent: _Unsent) -> asyncio.Future[None]:
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        unsent.told.append(told)
        return told

    def _add(self, claim: Claim, fields: Fields) -> _Unsent:
        unsent = self._unsent.setdefault(claim, _Unsent({}))
        # What an urgent report does not say itself is what was said last: it must not get lost.
        unsent.fields |= fields
        return unsent

    def _wake(self, within: float) -> None:
        self._due = min(self._due, asyncio.get_running_loop().time() + within)
        self._changed.set()

    async def _send_when_due(self) -> None:
        loop = asyncio.get_running_loop()
        pause = Pause(0.2, 5)
        while True:
            while (left := self._due - loop.time()) > 0:
                self._changed.clear()
                try:
                    await asyncio.wait_for(
                        self._changed.wait(), None if left == float("inf") else left
                    )
                except TimeoutError:
                    break
            self._due = float("inf")
            taken, self._unsent = self._unsent, {}
            if not taken or await self._send(taken):
                pause.reset()
                continue
            for claim, unsent in taken.items():
                self._put_back(claim, unsent)
            await asyncio.sleep(pause.take())
            self._wake(0)

    async def _send(self, taken: dict[Claim, _Unsent]) -> bool:
        """Sends one report; False if it is to be sent again."""
        try:
            answer = await self.requests.report(
                self.instance_id, [delta(claim, each.fields) for claim, each in taken.items()]
            )
        except RegistryError as error:
            if error.transient or error.status is None:
                logger.debug("the registry was not told about %d jobs: %s", len(taken), error)
                return False
            if len(taken) > 1:
                # One of them is at fault, and the others must not suffer from it.
                for claim, unsent in taken.items():
                    await self._send_alone(claim, unsent)
                return True
            for claim, unsent in taken.items():
                _refuse(unsent, f"the registry does not take it: {error.reason}")
                logger.warning("job %s: a report was refused: %s", claim.job_id, error.reason)
            return True
        except ValueError as error:  # What cannot be written as JSON.
            for unsent in taken.values():
                _refuse(unsent, str(error))
            return True
        try:
            reasons = {each["id"]: str(each["reason"]) for each in answer.get("rejected") or ()}
        except (AttributeError, KeyError, TypeError):
            logger.warning("the registry's answer to a report is none: %.200r", answer)
            return False
        for claim, unsent in taken.items():
            reason = reasons.get(claim.job_id)
            if reason is None:
                for told in unsent.told:
                    if not told.done():
                        told.set_result(None)
                continue
            _refuse(unsent, reason)
            self._refused(claim, reason)
        return True

    async def _send_alone(self, claim: Claim, unsent: _Unsent) -> None:
        if not await self._send({claim: unsent}):
            self._put_back(claim, unsent)
            self._wake(INTERVAL)

    def _put_back(self, claim: Claim, unsent: _Unsent) -> None:
        """Keeps what was not sent; what was said since then wins."""
        newer = self._unsent.get(claim)
        if newer is not None:
            unsent.fields |= newer.fields
            unsent.told += newer.told
        self._unsent[claim] = unsent


def _refuse(unsent: _Unsent, reason: str) -> None:
    for told in unsent.told:
        if not told.done():
            told.set_exception(RefusedError(reason))


def delta(claim: Claim, fields: Fields) -> dict[str, Any]:
    """One job's part of a report."""
    complete = {"id": claim.job_id, "claim_epoch": claim.epoch} | fields
    return {name: complete[name] for name in ORDER if complete.get(name) is not None}
