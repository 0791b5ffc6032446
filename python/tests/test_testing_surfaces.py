"""`mesh.testing`: skills of an application, which other programs ask by A2A."""

from typing import Any

import httpx
from fastapi import FastAPI

import mesh


async def test_skills_are_filled_in_and_may_submit_jobs() -> None:
    app = FastAPI()

    @mesh.a2a.mount(app, path="/skills/date", dependencies=["calendar", "reminder"])
    async def date(
        message: dict[str, Any],
        calendar: mesh.McpMeshTool = None,
        reminder: mesh.MeshJob = None,
    ) -> Any:
        if message["parts"][0]["text"] == "remind":
            return await reminder.submit(text="dentist")
        return await calendar()

    async def ask(client: httpx.AsyncClient, text: str) -> dict[str, Any]:
        message = {"role": "user", "parts": [{"type": "text", "text": text}]}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tasks/send", "params": {"message": message}}
        answer = await client.post("/skills/date", json=body)
        return answer.json()["result"]

    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
    async with mesh.testing.mesh() as m, client:
        m.provide("calendar", "monday")
        fake = m.provide("reminder", "done", task=True)
        assert m.wiring(date) == ["fake-calendar", "fake-reminder"]
        told = await ask(client, "when?")
        assert told["status"]["state"] == "completed"
        assert "monday" in str(told["artifacts"])
        assert (await ask(client, "remind"))["status"]["state"] in ("working", "completed")
        card = (await client.get("/skills/date/.well-known/agent.json")).json()
        assert card["url"] == "http://test/skills/date"
    assert fake.calls in ([], [{"text": "dentist"}])
