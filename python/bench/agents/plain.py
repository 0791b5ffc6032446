"""FastMCP alone, without any mesh: what an agent is compared with."""

import os

import uvicorn
from fastmcp import FastMCP

app = FastMCP("bench-plain")


@app.tool()
def bench_echo(text: str) -> str:
    """Answer with what was sent."""
    return text


uvicorn.run(
    app.http_app(path="/mcp", stateless_http=True),
    host="127.0.0.1",
    port=int(os.environ["MCP_MESH_HTTP_PORT"]),
    log_level="warning",
)
