"""Prints which releases this environment holds, so that a test log says what it proves.

With `--lowest [EXTRA]…` it fails unless each release that `mcp-mesh` asks for, and that these
extras ask for, is the lowest that may be there.
"""

import sys
from importlib.metadata import distribution, version

SHOWN = ("fastmcp", "mcp", "pydantic", "fastapi", "uvicorn", "httpx", "jinja2")


def above_its_floor(extras: list[str]) -> list[str]:
    """What is newer than the bound that `mcp-mesh` gives it."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    wrong = []
    for text in distribution("mcp-mesh").requires or []:
        needed = Requirement(text)
        if needed.marker and not any(needed.marker.evaluate({"extra": each}) for each in extras):
            continue
        floor = next(each.version for each in needed.specifier if each.operator == ">=")
        if Version(installed := version(needed.name)) != Version(floor):
            wrong.append(f"{needed.name} {installed} instead of {floor}")
    return wrong


print(
    f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version(name)}" for name in SHOWN),
    flush=True,
)
if sys.argv[1:2] == ["--lowest"] and (wrong := above_its_floor(sys.argv[2:])):
    sys.exit(f"error: not the lowest that pyproject.toml allows: {', '.join(wrong)}")
