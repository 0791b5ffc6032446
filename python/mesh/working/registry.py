"""The registry that jobs are asked about, wherever the code runs."""

from __future__ import annotations

import os

from mesh._mesh import Jobs
from mesh.calling import membership
from mesh.working.requests import JobRequests


class _Outside:
    """The connection of a program that is no agent."""

    # What it was made from.
    settings: tuple[str | None, ...] = ()
    native: Jobs | None = None


def requests() -> JobRequests:
    """Asks the registry of the running agent, else the one of `MCP_MESH_REGISTRY_URL`."""
    member = membership.current()
    if member is not None:
        return JobRequests(member.agent.jobs())
    from mesh.serving.settings import registry_url
    from mesh.serving.tls import VARIABLES, read_tls

    url = registry_url(os.environ)
    settings = (url, *map(os.environ.get, VARIABLES))
    if _Outside.native is None or _Outside.settings != settings:
        tls = read_tls(os.environ)
        _Outside.native = Jobs.connect(
            url,
            tls_ca=None if tls is None else tls.ca,
            tls_cert=None if tls is None else tls.cert,
            tls_key=None if tls is None else tls.key,
        )
        _Outside.settings = settings
    return JobRequests(_Outside.native)
