"""A web application with routes, or with `skills` as the second argument one with a skill, at the
port that is the first."""

import sys

import uvicorn
from fastapi import FastAPI

import mesh

app = FastAPI(title="Interop Gateway")
GREETING = [{"capability": "greeting", "required": True}]

if sys.argv[2:] == ["skills"]:

    @mesh.a2a.mount(app, path="/agents/echo", dependencies=GREETING, tags=["interop"])
    async def skill(message: dict, greet: mesh.McpMeshTool = None) -> object:
        return await greet(name=message["text"])

else:

    @app.get("/echo")
    @mesh.route(dependencies=GREETING)
    async def route(text: str, greet: mesh.McpMeshTool = None) -> object:
        return await greet(name=text)

    @app.get("/stream")
    @mesh.route(dependencies=["greeting"])
    async def stream(text: str, greet: mesh.McpMeshTool = None) -> mesh.Stream[str]:
        yield str(await greet(name=text))


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
