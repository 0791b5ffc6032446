"""Answers like an LLM provider, out of a script: for tests, and to see what a provider is asked."""

import json

import mesh


@mesh.tool(capability="llm", tags=["scripted"], vendor="scripted")
async def think(request: dict) -> dict:
    """Answer a request; with tools, call the first one before."""
    last = request["messages"][-1]
    if request["tools"] and last["role"] == "user":
        function = {
            "name": request["tools"][0]["function"]["name"],
            "arguments": '{"city": "Oslo"}',
        }
        call = {"id": "call-1", "type": "function", "function": function}
        return {"role": "assistant", "content": "", "tool_calls": [call]}
    prompt = request["messages"][0]["content"].splitlines()[0]
    return {
        "role": "assistant",
        "content": json.dumps({"text": f"{prompt} {last['content']}"}),
        "_mesh_usage": {"prompt_tokens": 7, "completion_tokens": 5, "model": "scripted/oracle"},
    }


@mesh.tool(capability="llm", tags=["scripted", "ai.mcpmesh.stream"], vendor="scripted")
async def think_aloud(request: dict) -> mesh.Stream[str]:
    """Answer a request piece by piece."""
    for word in f"Once upon a time: {request['messages'][-1]['content']}".split():
        yield json.dumps({"_mesh_frame": "chunk", "content": f"{word} "})
    yield json.dumps({"_mesh_frame": "end"})


@mesh.agent(name="oracle")
class Oracle:
    """Knows what it was told."""
