"""The tools by which every agent answers for jobs, its own and those of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastmcp import FastMCP
from fastmcp.tools import Tool

from mesh.working.proxy import JobProxy
from mesh.working.registry import requests


async def job_status(job_id: str) -> dict[str, Any]:
    """What the registry knows of a job."""
    return await JobProxy(requests(), job_id).status()


async def job_result(job_id: str) -> dict[str, Any]:
    """Whether a job is over, and what came of it: its status, result and error."""
    job = await JobProxy(requests(), job_id).status()
    return {name: job[name] for name in ("status", "result", "error")}


async def job_cancel(job_id: str, reason: str | None = None) -> dict[str, Any]:
    """Calls a job off; whoever works on it is told."""
    await JobProxy(requests(), job_id).cancel(reason)
    return {"ok": True, "job_id": job_id}


HELPERS: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "__mesh_job_status": job_status,
    "__mesh_job_result": job_result,
    "__mesh_job_cancel": job_cancel,
}


def add_helper_tools(server: FastMCP[Any]) -> list[Tool]:
    """Serves them beside the agent's own."""
    tools = [Tool.from_function(function, name=name) for name, function in HELPERS.items()]
    return [server.add_tool(tool) for tool in tools]
