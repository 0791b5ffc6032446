"""Prints which FastMCP pair this environment holds, so that a test log says what it proves."""

import sys
from importlib.metadata import version

print(
    f"Python {sys.version.split()[0]}, fastmcp {version('fastmcp')}, mcp {version('mcp')}, "
    f"pydantic {version('pydantic')}"
)
