"""The published `meshctl` and ours, each in a home of its own: the same is typed, and the same
comes of it in answers, in files and in processes."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from certificates import Authority
from mesh_harness import (
    AGENTS,
    OUR_MESHCTL,
    UPSTREAM_MESHCTL,
    UPSTREAM_VENV,
    Mesh,
    a_mesh,
    run,
    wait_for,
)
from meshctl_answers import (
    Answer,
    View,
    answer_of,
    cells,
    code,
    differing,
    document,
    lines,
    mentions,
    refused,
)

# Whichever test is the first waits for both sessions, which take their time on a busy machine.
pytestmark = pytest.mark.timeout(600)

PUBLISHED_AND_OURS = {"published": UPSTREAM_MESHCTL, "ours": OUR_MESHCTL}


@dataclass(frozen=True)
class Step:
    """What is typed, and what must come of it in either home."""

    words: str
    views: tuple[View, ...]
    # Whether the processes and their files are the same afterwards, too.
    state: bool = False


def step(words: str, *views: View, state: bool = False) -> Step:
    return Step(words, views or (code,), state)


SESSION = [
    step("start missing.py", refused("path does not exist: missing.py")),
    step(
        "start empty",
        refused('no entry point found in folder "empty"', "main.py", "src/index.ts", "index.ts"),
    ),
    step("start notes.txt", refused("notes.txt")),
    step("start --registry-only --connect-only", refused("--registry-only", "--connect-only")),
    step("start --connect-only provider.py", refused("--registry-url")),
    step("start --registry-only --registry-url http://127.0.0.1:9", refused("--registry-url")),
    step("start --log-level nonsense provider.py", refused("nonsense")),
    step("start --nonsense", refused("--nonsense")),
    step("stop", mentions("No agents running in background"), state=True),
    step("stop nobody", refused("agent 'nobody' is not running")),
    step("stop --ui", code),
    step("stop --keep-ui", mentions("No agents running in background")),
    step("stop --registry --agents", refused("--registry", "--agents")),
    step("stop --clean nobody", refused("--clean")),
    step("logs nobody", refused("log file not found for agent 'nobody'")),
    step("entity list --json"),
    step("entity register acme --ca-cert acme.pem", mentions("Entity 'acme' registered")),
    step(
        "entity register acme --ca-cert acme.pem",
        refused("entity 'acme' already registered, use --force to overwrite"),
    ),
    step("entity register acme --ca-cert acme.pem --force", mentions("Entity 'acme' registered")),
    step("entity register acme/2 --ca-cert acme.pem", refused()),
    step("entity register other --ca-cert notes.txt", refused()),
    step("entity register other --ca-cert missing.pem", refused("missing.pem")),
    step("entity list --json", document()),
    step("entity list", cells("ENTITY", "SUBJECT"), state=True),
    step("entity revoke acme", refused("--force")),
    step("entity revoke nobody --force", refused("entity 'nobody' not found")),
    step("entity revoke acme --force", mentions("Entity 'acme' revoked"), state=True),
    step("config show --format json", document()),
    step("config show --format xml", refused("xml")),
    step(
        "start -d provider.py",
        mentions(
            "Started 'interop-provider' in detach",
            "meshctl logs interop-provider",
            "meshctl stop interop-provider",
        ),
        state=True,
    ),
    step("start -d provider.py", mentions("'interop-provider' is already running (PID")),
    step("start -d provider.py --registry-only", code),
    step("start --registry-only", refused("registry is already running at http://")),
    step("start -d consumer.py", mentions("Started 'interop-consumer' in detach"), state=True),
    step("logs interop-provider --tail 1", lines),
    step("logs interop-provider -n 3", lines),
    step("logs interop-provider -n 1 --since 1h", lines),
    step("logs interop-provider --since 2h --until 1h", lines),
    step("logs interop-provider --since nonsense", refused("--since", "nonsense")),
    step("logs interop-provider -p 1", refused("log file not found for agent 'interop-provider'")),
    step("logs interop-provider -p 9", refused("9")),
    step("logs registry -n 1", lines),
    step("logs --list", mentions("interop-provider (current: ", "registry (current: ")),
    step("logs", refused()),
    step("stop interop-consumer", mentions("Agent 'interop-consumer' stopped"), state=True),
    step("stop interop-consumer", refused("agent 'interop-consumer' is not running")),
    step("stop one two", refused("agent 'one' is not running", "agent 'two' is not running")),
    step("start -d consumer.py", mentions("Started 'interop-consumer' in detach"), state=True),
    step("logs interop-consumer -p 1 -n 1"),
    step(
        "stop --agents",
        mentions(
            "Stopping 2 agent(s) in parallel...",
            "Agent 'interop-consumer' stopped",
            "Agent 'interop-provider' stopped",
            "Stopped 2 agent(s)",
        ),
        state=True,
    ),
    step(
        "stop",
        mentions("No agents running in background", "Stopping registry (PID: ", "registry stopped"),
        state=True,
    ),
    step(
        "start -d provider.py consumer.py",
        mentions("Starting 2 agents in detach: interop-provider, interop-consumer"),
        state=True,
    ),
    step("stop interop-provider interop-consumer", mentions("registry stopped"), state=True),
    step("start -d --registry-only", state=True),
    step("stop --registry", mentions("Stopping registry (PID: ", "registry stopped"), state=True),
    step("stop --clean", mentions("No agents running in background"), state=True),
]


@dataclass
class Session:
    """One home, what was answered in it, and how it looked after each step."""

    mesh: Mesh
    meshctl: Path
    answers: list[Answer] = field(default_factory=list)
    states: list[dict[str, object]] = field(default_factory=list)

    def play(self) -> None:
        for typed in SESSION:
            self.answers.append(self.type(typed.words))
            if self.meshctl == UPSTREAM_MESHCTL:
                # What it leaves behind goes on writing after it has answered; ours has written.
                wait_for("the records of all agents", self.recorded)
            self.states.append(self.state() if typed.state else {})

    def type(self, words: str) -> Answer:
        environment = self.mesh.environment(UPSTREAM_VENV, {"MCP_MESH_HTTP_PORT": "0"})
        # The published one honours these in some places only, and ours in all.
        for variable in ("MCP_MESH_HOME", "MCP_MESH_REGISTRY_URL"):
            del environment[variable]
        # It starts the registry that the PATH names.
        environment["PATH"] = f"{self.meshctl.parent}{os.pathsep}{environment['PATH']}"
        done = run([self.meshctl, *words.split()], self.mesh.home, environment)
        home, port = str(self.mesh.home), str(self.mesh.port)
        return answer_of(done, {home: "[HOME]", port: "8000"})

    def recorded(self) -> bool:
        """Whether each agent with a process has its group, and is among the group's dependents."""
        root = self.mesh.home / ".mcp-mesh"
        return all(
            (group := agent.with_suffix(".group")).is_file()
            and (dependents := root / "registry" / "deps" / group.read_text()).is_file()
            and agent.stem in dependents.read_text().splitlines()
            for agent in root.glob("pids/*.pid")
            if agent.stem != "registry" and not agent.stem.startswith("wrapper-")
        )

    def state(self) -> dict[str, object]:
        """Files that scripts read, with what is the same in all of them."""
        root = self.mesh.home / ".mcp-mesh"
        pids = root / "pids"
        # A marker of the published one's own waiting.
        records = [path for path in pids.glob("*") if not path.name.startswith("wrapper-")]
        groups = {path.stem: path.read_text() for path in records if path.suffix == ".group"}
        assert all(re.fullmatch(r"\d+-\d+-\d+", group) for group in groups.values()), groups
        dependents = {
            path.name: path.read_text().splitlines() for path in root.glob("registry/deps/*")
        }
        return {
            "processes": {
                path.stem: program(path.read_text()) for path in records if path.suffix == ".pid"
            },
            "groups": sorted(groups),
            # Whoever was started together is one line's group in one file.
            "dependents": sorted(dependents.values()),
            "of their groups": all(
                groups.get(name) == group for group, names in dependents.items() for name in names
            ),
            # The published one keeps a log of its own waiting, named like the script.
            "logs": sorted(
                path.name for path in root.glob("logs/*") if re.match("interop|registry", path.name)
            ),
            "authorities": sorted(path.name for path in root.glob("tls/entities/*.pem")),
            "database": (root / "mcp_mesh_registry.db").is_file(),
        }


def program(pid: str) -> str:
    """What a pid file's process runs: the agent itself, not what started it."""
    assert pid.isdecimal(), pid
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    scripts = [Path(part.decode()).name for part in command if part.endswith(b".py")]
    return scripts[0] if scripts else Path(command[0].decode()).name


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Session]]:
    """Both sessions, played at the same time."""
    with (
        a_mesh(tmp_path_factory.mktemp("published")) as theirs,
        a_mesh(tmp_path_factory.mktemp("ours")) as ours,
    ):
        acme = Authority(tmp_path_factory.mktemp("authority"), "acme").ca.read_bytes()
        played = {
            "published": Session(theirs, UPSTREAM_MESHCTL),
            "ours": Session(ours, OUR_MESHCTL),
        }
        for session in played.values():
            home = session.mesh.home
            # The published one looks for its interpreter here and nowhere else.
            (home / ".venv").symlink_to(UPSTREAM_VENV)
            (home / "empty").mkdir()
            (home / "notes.txt").touch()
            (home / "acme.pem").write_bytes(acme)
            for script in ("provider.py", "consumer.py"):
                shutil.copy(AGENTS / script, home)
        try:
            with ThreadPoolExecutor(len(played)) as pool:
                for done in [pool.submit(session.play) for session in played.values()]:
                    done.result()
            yield played
        finally:
            for session in played.values():
                session.type("stop")


@pytest.mark.parametrize(
    "number", [pytest.param(n, id=f"{n}-{typed.words}") for n, typed in enumerate(SESSION)]
)
def test_the_same_comes_of_it(sessions: dict[str, Session], number: int) -> None:
    typed = SESSION[number]
    theirs, ours = (sessions[name].answers[number] for name in PUBLISHED_AND_OURS)
    difference = differing(typed.views, theirs, ours)
    if difference:
        pytest.fail(difference, pytrace=False)
    if typed.state:
        theirs_left, ours_left = (sessions[name].states[number] for name in PUBLISHED_AND_OURS)
        assert ours_left == theirs_left


# ---- scaffold ----------------------------------------------------------------------------------

KINDS = [
    f"{kind} --name my-agent --lang {language}"
    for kind in ("basic", "llm", "llm-provider --vendor openai", "api", "a2a-consumer --offline")
    for language in ("python", "typescript", "java")
]
SCAFFOLDS = [
    *KINDS,
    "llm",
    "llm-provider",
    "basic --name my-agent --lang py",
    "basic --name my-agent --dry-run",
    "llm --vendor claude --response-format json",
    "--name my-agent",
    "--name my-agent --agent-type tool",
    "--name my-agent --agent-type llm-agent",
    "--name my-agent --agent-type llm-provider",
    "--name my-agent --agent-type api",
    "basic",
    "basic --name 1st",
    "basic --name my-agent --lang ruby",
    "--compose",
]


@pytest.mark.parametrize("words", SCAFFOLDS)
def test_the_same_files_are_written(words: str, tmp_path: Path) -> None:
    written = {}
    for name, meshctl in PUBLISHED_AND_OURS.items():
        home = tmp_path / name
        home.mkdir()
        environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
        done = run([meshctl, "scaffold", *words.split()], home, environment)
        files = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
        written[name] = done.returncode, files
    assert written["ours"] == written["published"]


# ---- flags -------------------------------------------------------------------------------------

COMMANDS = [
    *("start", "stop", "list", "status", "call", "logs", "trace", "audit", "schema diff", "man"),
    *("job status", "job reclaim", "registry status", "registry drain", "registry resume"),
    *("entity list", "entity register", "entity revoke", "entity rotate"),
    *("config show", "config path", "completion bash", "completion zsh", "completion fish"),
    *("scaffold", "scaffold basic", "scaffold llm", "scaffold llm-provider", "scaffold api"),
    "scaffold a2a-consumer",
]
# What ours does not take, and why; the guide for those who migrate says it too.
GONE = {
    "call": {"--ingress-domain", "--ingress-url"},
    "man": {"--typescript", "--java", "--day"},
    "completion bash": {"--no-descriptions"},
    "completion zsh": {"--no-descriptions"},
    "completion fish": {"--no-descriptions"},
    "scaffold llm-provider": {"--context-param", "--filter", "--filter-mode"},
}
FLAG = re.compile(r"^ +(?:-\w, )?(--[\w-]+)(?: (\w+))?", re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_taken(command: str, tmp_path: Path) -> None:
    def typed(meshctl: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        return run([meshctl, *command.split(), *arguments], tmp_path, environment)

    flags = FLAG.findall(typed(UPSTREAM_MESHCTL, "--help").stdout)
    assert flags, command
    # Help ends the parsing before anything is done, but after what is unknown was found.
    unknown = {
        flag
        for flag, value in flags
        if "unexpected argument"
        in typed(OUR_MESHCTL, f"{flag}=1" if value else flag, "--help").stderr
    }
    assert unknown == GONE.get(command, set())
