"""Jobs of agents whose server is the program's own: in another thread, or a web application's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_process import Agents, call, call_with_headers, get, wait_for
from job_mesh import ended, listed, post, submit, wait_for_job
from real_mesh import real_mesh

EMBEDDED = """
    import asyncio
    import mesh
    import uvicorn
    from fastapi import FastAPI
    from fastmcp import FastMCP

    app = FastMCP("embedded")

    @app.tool()
    @mesh.tool("double", task=True)
    async def double(n: int, job: mesh.MeshJob = None) -> dict:
        await job.update_progress(0.5)
        return {"twice": 2 * n}

    @app.tool()
    @mesh.tool("waits", task=True)
    async def waits(job: mesh.MeshJob = None) -> None:
        await job.request_input("for ever?")
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            print("called off", flush=True)
            raise

    @app.tool()
    @mesh.tool("order", dependencies=["double"])
    async def order(n: int, job: mesh.MeshJob = None) -> dict:
        return await (await job.submit(n=n)).wait(20)

    @app.tool()
    @mesh.tool("order_blocking", dependencies=["double"])
    def order_blocking(n: int, job: mesh.MeshJob = None) -> dict:
        return job.submit(n=n).wait(20)

    @mesh.agent(name="embedded", auto_run=False)
    class Embedded: ...

    tools = app.http_app(stateless_http=True)
    web = FastAPI(lifespan=tools.lifespan)
    web.mount("/", tools)
    uvicorn.run(web, host="127.0.0.1", port=0, log_level="warning")
"""

GATEWAY = """
    import mesh
    import uvicorn
    from fastapi import FastAPI

    web = FastAPI(title="gateway")

    @web.get("/order/{n}")
    @mesh.route(dependencies=["double"])
    async def order(n: int, job: mesh.MeshJob = None) -> dict:
        return await (await job.submit(n=n)).wait(20)

    @web.get("/order_blocking/{n}")
    @mesh.route(dependencies=["double"])
    def order_blocking(n: int, job: mesh.MeshJob = None) -> dict:
        return job.submit(n=n).wait(20)

    uvicorn.run(web, host="127.0.0.1", port=0, log_level="warning")
"""


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    """An embedded agent that works on jobs and submits them."""
    folder: Path = tmp_path_factory.mktemp("jobs")
    with real_mesh(folder) as agents:
        agents.start(EMBEDDED, name="embedded")
        wait_for("the agent", lambda: listed(agents, "embedded"))
        yield agents


def endpoint(agents: Agents, name: str) -> str:
    agent = wait_for(name, lambda: listed(agents, name))
    assert agent is not None
    return str(agent["endpoint"])


def test_an_embedded_agent_works_on_jobs(agents: Agents) -> None:
    assert ended(agents, submit(agents, "double", {"n": 2})) == ("completed", {"twice": 4})
    for tool in ("order", "order_blocking"):
        answer = call(endpoint(agents, "embedded"), tool, n=3)
        assert answer["structuredContent"] == {"twice": 6}


def test_a_job_handed_over_through_the_programs_server(agents: Agents) -> None:
    agent = listed(agents, "embedded")
    assert agent is not None
    job_id = submit(agents, "double", {"n": 3}, owner_instance_id=agent["id"])
    headers = {"x-mesh-job-id": job_id}
    answer, _ = call_with_headers(agent["endpoint"], "double", headers, {"n": 3})
    assert answer["structuredContent"] == {"twice": 6}
    assert ended(agents, job_id) == ("completed", {"twice": 6})


def test_a_cancel_through_the_programs_server(agents: Agents) -> None:
    job_id = submit(agents, "waits")
    wait_for_job(agents, job_id, status="input_required")
    answer = post(f"{endpoint(agents, 'embedded')}/jobs/{job_id}/cancel", {})
    assert answer == (200, {"cancelled": True, "job_id": job_id})
    wait_for("the handler", lambda: "called off" in agents.started[0].output())


def test_a_route_submits_jobs(agents: Agents) -> None:
    agents.start(GATEWAY, name="gateway")
    url = endpoint(agents, "gateway")
    assert get(f"{url}/order/4") == (200, {"twice": 8})
    assert get(f"{url}/order_blocking/5") == (200, {"twice": 10})
