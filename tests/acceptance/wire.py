"""The registry's protocol, spelled out for tests: no SDK stands between them and the wire."""

import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from mesh_harness import Mesh, Started, wait_for

Json = Any


def tool(capability: str, function: str | None = None, **more: Json) -> dict[str, Json]:
    """A tool that offers `capability` by a function of the same name."""
    return {"function_name": function or capability, "capability": capability, **more}


def agent(agent_id: str, *tools: dict[str, Json], port: int = 9001, **more: Json) -> Json:
    """An agent's description."""
    return {
        "agent_id": agent_id,
        "http_host": "127.0.0.1",
        "http_port": port,
        "tools": list(tools),
        **more,
    }


@dataclass
class Registry:
    """A running registry and one connection to it."""

    mesh: Mesh
    process: Started
    http: httpx.Client = field(init=False)

    def __enter__(self) -> Self:
        self.http = httpx.Client(base_url=self.mesh.url, timeout=30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def post(self, path: str, body: Json) -> httpx.Response:
        return self.http.post(path, json=body)

    def get(self, path: str, **query: Json) -> httpx.Response:
        return self.http.get(path, params=query)

    def register(self, description: Json) -> Json:
        """Registers, which must succeed, and returns the answer."""
        response = self.post("/heartbeat", description)
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer["status"] == "success", answer
        return answer

    def ping(self, agent_id: str) -> int:
        response = self.http.head(f"/heartbeat/{agent_id}")
        assert response.content == b"", "an answer to HEAD has no body"
        return response.status_code

    def leave(self, agent_id: str) -> int:
        return self.http.delete(f"/agents/{agent_id}").status_code

    def agent(self, agent_id: str) -> Json:
        """The entry of `GET /agents`."""
        listed = self.get("/agents").json()["agents"] or []
        return next(entry for entry in listed if entry["id"] == agent_id)

    def capability(self, agent_id: str, name: str) -> Json:
        found = self.agent(agent_id)["capabilities"]
        return next(entry for entry in found if entry["name"] == name)

    def wait_until_unhealthy(self, agent_id: str) -> None:
        wait_for(
            f"{agent_id} to be unhealthy", lambda: self.agent(agent_id)["status"] == "unhealthy"
        )

    # ---- jobs ---------------------------------------------------------------

    def create_job(self, capability: str = "render", **more: Json) -> str:
        body = {
            "capability": capability,
            "submitted_by": "tester-1",
            "submitted_payload": {"n": 3},
            **more,
        }
        response = self.post("/jobs", body)
        assert response.status_code == 201, response.text
        job_id: str = response.json()["id"]
        return job_id

    def claim(self, instance: str = "worker-1", capability: str = "render") -> list[Json]:
        response = self.post("/jobs/claim", {"capability": capability, "instance_id": instance})
        assert response.status_code == 200, response.text
        claimed: list[Json] = response.json()["claimed"]
        return claimed

    def batch(self, instance: str, *deltas: Json) -> Json:
        response = self.post("/jobs/batch", {"instance_id": instance, "deltas": list(deltas)})
        assert response.status_code == 200, response.text
        return response.json()

    def job(self, job_id: str) -> Json:
        response = self.get(f"/jobs/{job_id}")
        assert response.status_code == 200, response.text
        return response.json()


def member(response: httpx.Response, name: str) -> str:
    """A member of an answer as text, its order kept."""
    return json.dumps(response.json()[name])
