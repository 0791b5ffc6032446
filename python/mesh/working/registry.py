"""The registry that jobs are asked about, wherever the code runs."""

from __future__ import annotations

import os

from mesh._mesh import Jobs
from mesh.calling import membership
from mesh.working.requests import JobRequests


class _Outside:
    """The connection of a program that is no agent."""

    url: str | None = None
    native: Jobs | None = None


def requests() -> JobRequests:
    """Asks the registry of the running agent, else the one of `MCP_MESH_REGISTRY_URL`."""
    member = membership.current()
    if member is not None:
        return JobRequests(member.agent.jobs())
    from mesh.serving.settings import registry_url

    url = registry_url(os.environ)
    if _Outside.native is None or _Outside.url != url:
        _Outside.native, _Outside.url = Jobs.connect(url), url
    return JobRequests(_Outside.native)
