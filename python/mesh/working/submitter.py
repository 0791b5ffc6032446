"""Submits jobs for a dependency that is a task."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mesh._mesh import RegistryError
from mesh.working.mesh_job import MeshJob
from mesh.working.pauses import Pause
from mesh.working.proxy import BlockingJobProxy, JobProxy, Loop
from mesh.working.requests import Fields, JobRequests

if TYPE_CHECKING:
    from mesh.calling.membership import Membership

# Pauses in seconds after an attempt that did not reach the registry.
PAUSES = (0.2, 1.0)


class JobSubmitter(MeshJob):
    """Injected into an `async def` tool that depends on a task."""

    __slots__ = ("_member", "capability")

    def __init__(self, member: Membership, capability: str) -> None:
        self._member = member
        self.capability = capability

    def __repr__(self) -> str:
        return f"<MeshJob that submits to {self.capability}>"

    async def submit(
        self,
        *,
        max_duration: float | None = None,
        max_retries: int | None = None,
        total_deadline: datetime | None = None,
        **payload: Any,
    ) -> JobProxy:
        """Submits a job with `payload` as the arguments of the task."""
        request: Fields = {
            "capability": self.capability,
            "submitted_payload": payload,
            "submitted_by": self._member.agent_id,
            **limits(max_duration, max_retries, total_deadline),
        }
        requests = JobRequests(self._member.agent.jobs())
        for seconds in PAUSES:
            try:
                return JobProxy(requests, (await requests.create(request))["id"])
            except RegistryError as error:
                if not error.transient:
                    raise
            await Pause(seconds, seconds).sleep()
        return JobProxy(requests, (await requests.create(request))["id"])


class BlockingJobSubmitter(MeshJob):
    """Injected into a `def` tool: `submit` returns the job itself, whose methods block."""

    __slots__ = ("_loop", "_submitter", "capability")

    def __init__(self, member: Membership, capability: str) -> None:
        self._submitter = JobSubmitter(member, capability)
        self._loop = Loop(member.loop)
        self.capability = capability

    def __repr__(self) -> str:
        return repr(self._submitter)

    def submit(
        self,
        *,
        max_duration: float | None = None,
        max_retries: int | None = None,
        total_deadline: datetime | None = None,
        **payload: Any,
    ) -> BlockingJobProxy:
        """Submits a job with `payload` as the arguments of the task."""
        proxy = self._loop.run(
            lambda: self._submitter.submit(
                max_duration=max_duration,
                max_retries=max_retries,
                total_deadline=total_deadline,
                **payload,
            )
        )
        return BlockingJobProxy(proxy, self._loop)


def limits(
    max_duration: float | None, max_retries: int | None, total_deadline: datetime | None
) -> Fields:
    """What limits a job, as the registry has it; raises `ValueError`."""
    fields: Fields = {}
    if max_retries is not None:
        if not isinstance(max_retries, int) or max_retries < 0:
            raise ValueError(f"max_retries must be a whole number of at least 0: {max_retries!r}")
        fields["max_retries"] = int(max_retries)
    if max_duration is not None:
        if not isinstance(max_duration, (int, float)) or not 0 < max_duration < math.inf:
            raise ValueError(f"max_duration must be more than 0 seconds: {max_duration!r}")
        fields["max_duration"] = math.ceil(max_duration)
    if total_deadline is not None:
        if not isinstance(total_deadline, datetime):
            raise ValueError(f"total_deadline must be a datetime: {total_deadline!r}")
        fields["total_deadline"] = math.ceil(total_deadline.timestamp())
    return fields
