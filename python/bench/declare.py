"""Run in a fresh interpreter: the CPU time of `import mesh` and what an agent declares."""

import json
import os
import sys
import time

VENDORS = ("anthropic", "openai", "google.genai", "fastmcp", "mcp", "fastapi")

before = time.process_time()
import mesh  # noqa: E402


@mesh.tool(capability="bench_declared")
def bench_declared(text: str) -> str:
    """Answer with what was sent."""
    return text


declared = time.process_time()
loaded = [name for name in VENDORS if name in sys.modules]


# Release 3.8.0 never returns from the decorator of an agent that runs by itself.
@mesh.agent(name="bench-declared", auto_run=False)
class Declared:
    """Never runs."""


embedded = time.process_time()
report = {"declare": declared - before, "embed": embedded - declared, "loaded": loaded}
sys.stdout.write("\n" + json.dumps(report) + "\n")
sys.stdout.flush()
# What either package does next, from a thread of its own, is not measured here.
os._exit(0)
