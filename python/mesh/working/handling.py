"""A call of a task: on a job that was claimed, on one that the call brings along, or on none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mesh.calling.headers import inbound
from mesh.declaring.signatures import Kind
from mesh.working.execution import take_attempt

if TYPE_CHECKING:
    from mesh.calling.injection import Filling
    from mesh.working.controller import JobController
    from mesh.working.execution import Execution
    from mesh.working.mesh_job import MeshJob


async def handle(call: Filling) -> Any:
    """Calls the task, with its job filled in."""
    attempt = take_attempt()
    if attempt is not None:
        return await _perform(call, attempt.controller)
    declaration, dispatch = call.declaration, inbound.get().dispatch
    place = call.member.workplace if call.member is not None else None
    if dispatch is None or place is None or declaration.task is None:
        return await _perform(call, None)

    async def work(execution: Execution) -> Any:
        take_attempt()
        return await _perform(call, execution.controller)

    return await place.run_anywhere(partial(place.handed_over, declaration.task, dispatch), work)


async def _perform(call: Filling, job: JobController | None) -> Any:
    with call.span() as span:
        await call.fill()
        given: MeshJob | None = job
        if job is not None and call.runs_elsewhere():
            from mesh.working.distant import DistantJob

            given = DistantJob(job)
        for parameter in call.declaration.signature.extras:
            if parameter.kind is Kind.CONTROLLER and call.supplied(parameter.name) is None:
                call.set(parameter.name, given)
        return span.returned(await call.begin())
