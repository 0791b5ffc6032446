"""Runs what the pages tell to type, in order, and compares what they show with what comes out.

In a `console` block `$ ` marks a command and the rest is its output. A line of three dots stands
for any lines, three dots inside a line for any text; ids, ports, process numbers, times and the
width of columns may differ. Commands that only look are repeated until they show what the page
shows: a reader is slower than an agent's next ping.
"""

import os
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest
from mesh_harness import OUR_VENV, ROOT, TARGET, Mesh, run

PAGES = [
    "README.md",
    "docs/guides/getting-started.md",
    "docs/guides/jobs.md",
    "docs/guides/routes.md",
    "docs/guides/llm.md",
    "docs/guides/llm-providers.md",
    "docs/guides/testing.md",
    "docs/guides/tools.md",
    "docs/guides/migrating-from-3.8.md",
    "docs/guides/dependencies.md",
    "docs/guides/scaffolding.md",
    "docs/guides/tls.md",
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

LOOKS = re.compile(r"(meshctl (call|list|logs|status)|curl)\b")

# What may differ between the page and this run, and what stands for it in both.
VARYING = [
    (r"-[0-9a-f]{8}\b", "-<id>"),
    (r"PID: \d+", "PID: <pid>"),
    (r"(localhost|127\.0\.0\.1):\d+", "<address>"),
    (r"\b\d+[smh]\b", "<time>"),
    (r"-{4,}", "----"),
    (r"[ \t]+", " "),
]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return [body for found, body in FENCE.findall(text) if found == language]


def commands(page: str) -> list[tuple[str, str]]:
    """Each command of the page with the output that is shown for it."""
    text = "".join(blocks(page, "console"))
    starts = [match.start() for match in re.finditer(r"^\$ ", text, re.MULTILINE)]
    parts = [text[start:end] for start, end in pairwise([*starts, len(text)])]
    return [
        (command.removeprefix("$ "), output)
        for command, _, output in (part.partition("\n") for part in parts)
    ]


def plain(output: str) -> list[str]:
    for pattern, replacement in VARYING:
        output = re.sub(pattern, replacement, output)
    return [line.strip() for line in output.strip().splitlines()]


def matches(shown: list[str], seen: list[str]) -> bool:
    """Whether `seen` is what the page shows; a line of dots swallows any number of lines."""
    if not shown:
        return not seen
    if shown[0] == "...":
        return any(matches(shown[1:], seen[skipped:]) for skipped in range(len(seen) + 1))
    if not seen:
        return False
    pattern = ".*".join(re.escape(part) for part in shown[0].split("..."))
    return re.fullmatch(pattern, seen[0]) is not None and matches(shown[1:], seen[1:])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_happens(mesh: Mesh, page: str) -> None:
    environment = mesh.environment(OUR_VENV) | {
        "PATH": f"{TARGET / 'debug'}{os.pathsep}{os.environ['PATH']}",
        "HOST": "127.0.0.1",
    }
    # The pages tell how an agent behaves that was not told otherwise.
    for name in ("MCP_MESH_HEALTH_INTERVAL", "MCP_MESH_SETTLE_TIMEOUT", "MCP_MESH_REGISTRY_URL"):
        del environment[name]
    environment["MCP_MESH_REGISTRY_HOST"] = "localhost"

    listed = commands(page)
    assert listed, f"{page} shows no command"
    exports = ""
    for command, shown in listed:
        if command.startswith("export "):
            exports += f"{command}\n"
            continue
        deadline = time.monotonic() + (20 if LOOKS.match(command) else 0)
        while True:
            done = run(["bash", "-c", exports + command], ROOT, environment)
            told = f"{page}: `{command}`\n{done.stdout}{done.stderr}"
            assert done.returncode == 0, f"{told}\n{mesh.logs()}"
            if matches(plain(shown), plain(done.stdout)):
                break
            assert time.monotonic() < deadline, f"{told}\nbut the page shows\n{shown}"
            time.sleep(0.2)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_quotes_the_examples_as_they_are(page: str) -> None:
    examples = [path.read_text() for path in Path(ROOT / "examples").rglob("*.py")]
    for quoted in blocks(page, "python"):
        assert any(quoted in example for example in examples), f"{page}: no example has\n{quoted}"


def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    settings = {"HOME": str(tmp_path), "CARGO_TARGET_DIR": str(TARGET)}
    done = run([ROOT / "examples" / "demo.sh"], ROOT, os.environ | settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 degrees and cloudy in Lisbon: visit a museum." in done.stdout
    assert "2 agents (2 healthy)" in done.stdout


def test_dots_stand_for_anything_and_nothing_else_does() -> None:
    assert matches(["a", "...", "d"], ["a", "b", "c", "d"])
    assert matches(["a ... c", "..."], ["a b c"])
    assert not matches(["a", "..."], ["b"])
    assert not matches(["a"], ["a", "b"])
    assert plain("x  planner-a88e99c1 127.0.0.1:41567") == ["x planner-<id> <address>"]
