"""Calls another agent's tool and one of its own through injection, and says what that took."""

import json
import time

from fastmcp import FastMCP

import mesh

app = FastMCP("bench-consumer")


@app.tool()
@mesh.tool(capability="bench_calls", dependencies=["bench_echo"])
async def bench_calls(count: int, bench_echo: mesh.McpMeshTool = None) -> str:
    """Call another agent `count` times; answer with what that took."""
    return await measured(count, bench_echo)


@app.tool()
@mesh.tool(capability="bench_self_calls", dependencies=["bench_self"])
async def bench_self_calls(count: int, bench_self: mesh.McpMeshTool = None) -> str:
    """Call this agent `count` times; answer with what that took."""
    return await measured(count, bench_self)


@app.tool()
@mesh.tool(capability="bench_self")
async def bench_self(text: str) -> str:
    """Answer with what was sent."""
    return text


async def measured(count: int, tool: mesh.McpMeshTool | None) -> str:
    """The seconds of each of `count` calls, and the CPU seconds of all, as JSON."""
    if tool is None:
        return json.dumps({"wired": False})
    latencies = []
    cpu = time.process_time()
    for number in range(count):
        text = f"call number {number}"
        start = time.perf_counter()
        answer = await tool(text=text)
        latencies.append(time.perf_counter() - start)
        if text not in str(answer):
            message = f"the call answered {answer!r} instead of {text!r}"
            raise ValueError(message)
    cpu = time.process_time() - cpu
    return json.dumps({"wired": True, "latencies": latencies, "cpu": cpu})


@mesh.agent(name="bench-consumer")
class Consumer:
    """Calls."""
