"""Jobs as their tests see them: at the registry, by plain HTTP."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from agent_process import AgentProcess, Agents, get, wait_for

SCRIPTS = Path(__file__).parent / "agents"
OVER = ("completed", "failed", "cancelled")


def start_worker(agents: Agents, name: str = "worker", **settings: str) -> AgentProcess:
    """An agent that works on jobs of many kinds; registered when this returns."""
    script = (SCRIPTS / "job_worker.py").read_text()
    worker = agents.start(script, name=name, agent_name=name, **settings)
    wait_for("the worker", lambda: listed(agents, name))
    return worker


def listed(agents: Agents, name: str) -> dict[str, Any] | None:
    """A healthy agent as the registry lists it."""
    known = get(f"{agents.registry_url}/agents")[1]["agents"]
    return next(
        (each for each in known if each["name"] == name and each["status"] == "healthy"), None
    )


def post(url: str, body: Any, **headers: str) -> tuple[int, Any]:
    """Status and JSON body."""
    sent = {"content-type": "application/json"} | headers
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def submit(agents: Agents, capability: str, payload: Any = None, **limits: Any) -> str:
    """A new job; its id."""
    request = {
        "capability": capability,
        "submitted_payload": payload or {},
        "submitted_by": "tester",
        **limits,
    }
    status, created = post(f"{agents.registry_url}/jobs", request)
    assert status == 201, created
    return str(created["id"])


def tell(agents: Agents, job_id: str, kind: str, payload: Any = None) -> None:
    """Posts an event."""
    event = {"type": kind, "payload": payload}
    status, answer = post(f"{agents.registry_url}/jobs/{job_id}/events", event)
    assert status in (200, 201), answer


def job(agents: Agents, job_id: str) -> dict[str, Any]:
    """The job as the registry keeps it."""
    found: dict[str, Any] = get(f"{agents.registry_url}/jobs/{job_id}")[1]
    return found


def wait_for_job(agents: Agents, job_id: str, **fields: Any) -> dict[str, Any]:
    """The job, once these of its fields are so."""

    def look() -> dict[str, Any] | None:
        found = job(agents, job_id)
        return found if all(found[name] == value for name, value in fields.items()) else None

    try:
        return wait_for(f"job {job_id} with {fields}", look) or {}
    except AssertionError as error:
        raise AssertionError(f"{error}: {job(agents, job_id)}") from None


def ended(agents: Agents, job_id: str) -> tuple[str, Any]:
    """How a job ended: its status, and its result or error."""

    def look() -> dict[str, Any] | None:
        found = job(agents, job_id)
        return found if found["status"] in OVER else None

    try:
        found = wait_for(f"the end of job {job_id}", look) or {}
    except AssertionError as error:
        raise AssertionError(f"{error}: {job(agents, job_id)}") from None
    return found["status"], found["error"] if found["result"] is None else found["result"]
