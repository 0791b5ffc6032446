"""Thinks without a vendor: it uses the first tool that it is handed and says what came of it.

The decorator for LLM providers needs a vendor's account, so this is an ordinary tool that speaks
the providers' protocol."""

import json
from typing import Any

import httpx
from fastmcp import FastMCP

import mesh

app = FastMCP("interop-llm-provider")


@app.tool()
@mesh.tool(capability="llm", tags=["fake"], version="1.0.0", vendor="nobody")
async def think(request: dict[str, Any]) -> dict[str, Any]:
    """Answers a conversation with what it was asked and what its first tool says."""
    tools = [tool["function"] for tool in request.get("tools") or []]
    said = {
        "asked": request["messages"][-1]["content"],
        "tools": [tool["name"] for tool in tools],
        "sum": await use(tools[0]) if tools else None,
    }
    return {"role": "assistant", "content": json.dumps(said)}


@app.tool()
@mesh.tool(capability="llm", tags=["ai.mcpmesh.stream"], version="1.0.0", vendor="nobody")
async def think_stream(request: dict[str, Any]) -> mesh.Stream[str]:
    """Repeats a question word by word, in the frames of streaming providers."""
    for word in request["messages"][-1]["content"].split():
        yield json.dumps({"_mesh_frame": "chunk", "content": f"<{word}>"})
    yield json.dumps({"_mesh_frame": "end"})


async def use(tool: dict[str, Any]) -> str:
    """Calls a tool where the consumer was told that it is."""
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool["name"], "arguments": {"a": 2, "b": 3}},
    }
    async with httpx.AsyncClient(timeout=10) as client:
        response = await client.post(
            f"{tool['_mesh_endpoint']}/mcp",
            json=call,
            headers={"Accept": "application/json, text/event-stream"},
        )
    data = [line for line in response.text.splitlines() if line.startswith("data:")]
    answer = json.loads(data[0].removeprefix("data:") if data else response.text)
    text: str = answer["result"]["content"][0]["text"]
    return text


@mesh.agent(name="interop-llm-provider", version="1.0.0", http_port=0)
class Provider:
    """Nothing to hold: the tool is above."""
