"""Calls another agent's tool through injection, and says what that took."""

import json
import time

from fastmcp import FastMCP

import mesh

app = FastMCP("bench-consumer")


@app.tool()
@mesh.tool(capability="bench_calls", dependencies=["bench_echo"])
async def bench_calls(count: int, bench_echo: mesh.McpMeshTool = None) -> str:
    """Call `count` times; answer with the seconds of each call and the CPU seconds of all."""
    if bench_echo is None:
        return json.dumps({"wired": False})
    latencies = []
    cpu = time.process_time()
    for number in range(count):
        text = f"call number {number}"
        start = time.perf_counter()
        answer = await bench_echo(text=text)
        latencies.append(time.perf_counter() - start)
        if text not in str(answer):
            message = f"the call answered {answer!r} instead of {text!r}"
            raise ValueError(message)
    cpu = time.process_time() - cpu
    return json.dumps({"wired": True, "latencies": latencies, "cpu": cpu})


@mesh.agent(name="bench-consumer")
class Consumer:
    """Calls."""
