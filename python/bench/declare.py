"""Run in a fresh interpreter: the CPU time of `import mesh` and two declarations."""

import json
import os
import sys
import time

VENDORS = ("anthropic", "openai", "google.genai", "fastmcp", "mcp", "fastapi")

before = time.process_time()
import mesh  # noqa: E402

imported = time.process_time()


@mesh.tool(capability="bench_declared")
def bench_declared(text: str) -> str:
    """Answer with what was sent."""
    return text


@mesh.agent(name="bench-declared", auto_run=False)
class Declared:
    """Never runs."""


declared = time.process_time()
report = {
    "import": imported - before,
    "declare": declared - imported,
    "loaded": [name for name in VENDORS if name in sys.modules],
    "modules": len(sys.modules),
}
sys.stdout.write("\n" + json.dumps(report) + "\n")
sys.stdout.flush()
# What either package does next, from a thread of its own, is not measured here.
os._exit(0)
