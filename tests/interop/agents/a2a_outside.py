"""Skills for agents outside of the mesh, at the port that is the first argument."""

import sys

import uvicorn
from fastapi import FastAPI

import mesh

app = FastAPI(title="Interop Outside")


@mesh.a2a.mount(app, path="/agents/upper", auth="bearer")
async def upper(message: dict) -> object:
    text = message["parts"][0]["text"]
    if text == "break":
        raise ValueError("it broke")
    return {"upper": text.upper()}


@mesh.a2a.mount(app, path="/agents/count", dependencies=["counting"])
async def count(message: dict, job: mesh.MeshJob = None) -> object:
    return await job.submit(upto=int(message["parts"][0]["text"]))


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
