"""What `meshctl scaffold` writes runs as it is: every kind of agent, with our package."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from mesh_harness import (
    OUR_MESHCTL,
    OUR_REGISTRY,
    OUR_VENV,
    ROOT,
    UPSTREAM_VENV,
    Mesh,
    free_port,
    structured,
    wait_for,
)

KINDS = {
    "basic": ["basic", "--name", "my-agent", "--tool-name", "say-it", "--description", 'A "b" \\'],
    "llm": ["llm", "--response-format", "json", "--filter", '{"tags": ["x"]}'],
    "llm-provider": ["llm-provider"],
    "a2a-consumer": ["a2a-consumer", "--name", "my-bridge", "--offline"],
    "api": ["api", "--name", "my-gateway"],
}
# No vendor is asked, and none has to be there.
KEYLESS = {"ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": "", "GOOGLE_API_KEY": ""}


def scaffold(mesh: Mesh, *arguments: str) -> dict[str, Any]:
    """Writes an agent into the home; what was said of it."""
    done = subprocess.run(
        [OUR_MESHCTL, "scaffold", *arguments, "--port", str(free_port()), "--json"],
        cwd=mesh.home,
        env=mesh.environment(OUR_VENV),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def start(mesh: Mesh, said: dict[str, Any], venv: Path = OUR_VENV, resolved: int = 0) -> None:
    """Runs an agent as its image would."""
    folder = mesh.home / said["folder"]
    environment = mesh.environment(venv, KEYLESS)
    python = venv / "bin" / "python"
    mesh.spawn(said["name"], ["sh", "-c", f"cd {folder} && exec {python} main.py"], environment)
    mesh.wait_for_agent(said["name"], resolved)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_in_python_passes_its_linter_and_compiles(mesh: Mesh, kind: str) -> None:
    folder = mesh.home / scaffold(mesh, *KINDS[kind])["folder"]
    for check in (["check"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--isolated", "--no-cache", folder]
        done = subprocess.run(ruff, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    compiled = subprocess.run(
        [sys.executable, "-m", "compileall", "-q", folder],
        env={"PYTHONPYCACHEPREFIX": str(mesh.home / "cache")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stdout
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    expected = {
        ".dockerignore",
        "Dockerfile",
        "README.md",
        "__init__.py",
        "__main__.py",
        "helm-values.yaml",
        "main.py",
        "requirements.txt",
    }
    if kind == "llm":
        expected.add("prompts/llm-consumer.jinja2")
    assert written == expected
    hadolint = [Path(sys.executable).with_name("hadolint"), folder / "Dockerfile"]
    done = subprocess.run(hadolint, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_a_basic_agent_starts_as_the_next_steps_say_and_answers(mesh: Mesh) -> None:
    said = scaffold(mesh, *KINDS["basic"])
    mesh.meshctl("start", "-d", str(mesh.home / said["folder"]), binary=OUR_MESHCTL)
    try:
        answer = json.loads(mesh.meshctl("call", "my-agent:say_it", binary=OUR_MESHCTL))
        assert structured(answer) == {"result": "Not implemented"}
    finally:
        mesh.meshctl("stop", binary=OUR_MESHCTL)


def test_a_provider_without_a_key_is_listed_and_wired_to_a_consumer(mesh: Mesh) -> None:
    mesh.start_registry(OUR_REGISTRY)
    provider = scaffold(mesh, *KINDS["llm-provider"])
    consumer = scaffold(mesh, *KINDS["llm"])
    assert provider["name"] == "claude-provider"
    start(mesh, provider)
    start(mesh, consumer)

    def wired() -> bool:
        agent = mesh.agent("llm-consumer") or {}
        found = agent.get("llm_provider_resolutions") or []
        return [each["status"] for each in found] == ["available"]

    wait_for("the consumer to find the provider", wired)
    listed = json.loads(mesh.meshctl("list", "--json", binary=OUR_MESHCTL))["agents"]
    assert {each["name"]: each["status"] for each in listed} == {
        "claude-provider": "healthy",
        "llm-consumer": "healthy",
    }
    arguments = json.dumps({"ctx": {"input_text": "Hello"}})
    answer = json.loads(mesh.meshctl("call", "llm_consumer", arguments, binary=OUR_MESHCTL))
    assert answer["isError"]
    assert "ANTHROPIC_API_KEY" in json.dumps(answer)


def test_a_gateway_asks_an_agent_that_was_written_too(mesh: Mesh) -> None:
    mesh.start_registry(OUR_REGISTRY)
    start(mesh, scaffold(mesh, "basic", "--name", "greeter"))
    gateway = scaffold(mesh, *KINDS["api"])
    start(mesh, gateway, resolved=1)

    def answered() -> bool:
        done = subprocess.run(
            ["curl", "-s", f"http://127.0.0.1:{gateway['port']}/api/hello"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout == '{"result":"Not implemented"}'

    wait_for("an answer", answered)
    live = f"http://127.0.0.1:{gateway['port']}/livez"
    subprocess.run(["curl", "-sf", live], capture_output=True, timeout=30, check=True)


def test_a_bridge_that_nobody_has_filled_in_starts(mesh: Mesh) -> None:
    mesh.start_registry(OUR_REGISTRY)
    start(mesh, scaffold(mesh, *KINDS["a2a-consumer"]))


@pytest.mark.parametrize("kind", ["basic", "llm"])
def test_the_published_package_runs_what_is_written(mesh: Mesh, kind: str) -> None:
    mesh.start_registry(OUR_REGISTRY)
    start(mesh, scaffold(mesh, *KINDS[kind]), UPSTREAM_VENV)


@pytest.mark.parametrize("way", ["-m", "-c"])
def test_an_agent_runs_as_a_module_too(mesh: Mesh, way: str) -> None:
    mesh.start_registry(OUR_REGISTRY)
    said = scaffold(mesh, "basic", "--name", "my-agent")
    run = "import runpy; runpy.run_path('my-agent/main.py', run_name='__main__')"
    what = said["folder"] if way == "-m" else run
    mesh.spawn("module", [OUR_VENV / "bin" / "python", way, what], mesh.environment(OUR_VENV))
    mesh.wait_for_agent("my-agent")


def test_the_templates_are_found(mesh: Mesh) -> None:
    templates = ROOT / "crates" / "meshctl" / "src" / "scaffold" / "templates"
    said = scaffold(mesh, "basic", "--name", "same", "--template-dir", str(templates))
    assert "main.py" in {each["path"] for each in said["files"]}


@pytest.mark.parametrize("more", [[], ["--observability"]])
def test_compose_takes_what_is_written_for_all_agents(mesh: Mesh, more: list[str]) -> None:
    for kind, language in (("basic", "python"), ("api", "typescript"), ("basic", "java")):
        scaffold(mesh, kind, "--name", f"my-{language}", "--lang", language)
    mesh.meshctl("scaffold", "--compose", *more, binary=OUR_MESHCTL)
    check = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", mesh.home / "docker-compose.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def at_a_terminal(mesh: Mesh, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Runs the wizard, answers each question once it is asked; its exit code and what it said."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(mesh.home)
        environment = mesh.environment(OUR_VENV, {"TERM": "xterm"})
        os.execve(OUR_MESHCTL, ["meshctl", "scaffold"], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    seen = ""
    deadline = time.monotonic() + 60
    try:
        while True:
            assert time.monotonic() < deadline, seen
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break  # Nobody has the other end any more.
            if answers and answers[0][0] in seen.rpartition("\x00")[2]:
                os.write(terminal, answers.pop(0)[1].encode())
                seen += "\x00"
    finally:
        _, status = os.waitpid(child, 0)
        os.close(terminal)
    return os.waitstatus_to_exitcode(status), seen


def test_the_wizard_writes_what_was_answered(mesh: Mesh) -> None:
    down, enter = "\x1b[B", "\r"
    answers = [
        ("Name:", f"asker{enter}"),
        ("What does it do?", f"{down}{enter}"),
        ("Language:", enter),
        ("in a sentence?", f"Asks{enter}"),
        ("Port:", f"8200{enter}"),
        ("Whose model", enter),
        ("Which tools", enter),
        ("How often", enter),
        ("as JSON?", enter),
        ("Tags of the tool", enter),
    ]
    code, seen = at_a_terminal(mesh, answers)
    assert code == 0, seen
    main = (mesh.home / "asker" / "main.py").read_text()
    assert "http_port=8200" in main
    assert "@mesh.llm(" in main


def test_whoever_leaves_the_wizard_leaves_nothing(mesh: Mesh) -> None:
    code, seen = at_a_terminal(mesh, [("Name:", "x\r"), ("What does it do?", "\x03")])
    assert code == 1, seen
    assert "nothing was written" in seen
    assert [path.name for path in mesh.home.iterdir() if path.name != "state"] == []
