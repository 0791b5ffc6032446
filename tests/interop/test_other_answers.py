"""Where our `meshctl` answers otherwise than the published one, on purpose: each difference is
there, and the guide for those who migrate tells of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mesh_harness import (
    OUR_MESHCTL,
    OUR_REGISTRY,
    OUR_VENV,
    ROOT,
    UPSTREAM_MESHCTL,
    Mesh,
    a_mesh,
    run,
)
from scripted_agent import ScriptedMesh, served

GUIDE = ROOT / "docs" / "guides" / "migrating-from-3.8.md"


@dataclass(frozen=True)
class Difference:
    """What either answers: its exit code, a stream, and something that stands in it."""

    # Variables of the environment may stand before it.
    words: str
    published: tuple[int, str, str]
    ours: tuple[int, str, str]
    # What the guide says of it.
    told: str


def differs(
    words: str, published: tuple[int, str, str], ours: tuple[int, str, str], told: str
) -> Difference:
    return Difference(words, published, ours, told)


DIFFERENCES = [
    differs(
        "list extra",
        (0, "out", "healthy"),
        (1, "err", "unexpected argument 'extra'"),
        "surplus arguments are errors",
    ),
    differs(
        "list",
        (0, "out", "\x1b["),
        (0, "out", "Registry: running ("),
        "colours are for terminals, and for nobody where `NO_COLOR` is set",
    ),
    differs(
        "list --filter flights",
        (0, "out", "1 agent (1 healthy)"),
        (0, "out", "2 agents (2 healthy)"),
        "the last line of `list` counts the rows above it, and not names",
    ),
    differs(
        "list --json --filter nothing",
        (0, "out", '"agents": null'),
        (0, "out", '"agents": []'),
        "empty lists in JSON are `[]`",
    ),
    differs(
        "list --json",
        (0, "out", '"updated_at": "0001-01-01T00:00:00Z"'),
        (0, "out", '"description": "Answers as `book` does."'),
        "times that nobody knows are left out, and descriptions of tools are in",
    ),
    differs(
        "list --tools --json --filter nothing",
        (0, "out", '"tool_name"'),
        (0, "out", "[]"),
        "`--filter` is for tools and services, too",
    ),
    differs(
        "list --schemas --limit 0",
        (0, "out", "CANONICAL_PREVIEW"),
        (1, "err", "0 is not in 1..=1000"),
        "numbers out of their range are errors",
    ),
    differs(
        "call spelled --timeout 0",
        (0, "out", "isError"),
        (1, "err", "'--timeout <SECONDS>'"),
        "numbers out of their range are errors",
    ),
    differs(
        'call echo {"a":1.0}',
        (0, "out", '"a": 1\n'),
        (0, "out", '"a": 1.0\n'),
        "`call` sends numbers as they are spelled",
    ),
    differs(
        "call echo null",
        (0, "out", '"arguments": null'),
        (1, "err", "the arguments must be a JSON object"),
        "arguments that are no object are errors",
    ),
    differs(
        'call echo {"a":1} --file args.json',
        (0, "out", "OSL"),
        (1, "err", "cannot be used with"),
        "so are arguments beside `--file`",
    ),
    differs(
        "status gone",
        (1, "err", "no healthy agent found matching 'gone'"),
        (0, "out", "unhealthy"),
        "`status` shows agents that are down, too",
    ),
    differs(
        "schema diff {OLD} {OLD} --json",
        (0, "out", '"hash_equal": false'),
        (0, "out", '"hash_equal": true'),
        "`schema diff --json` says whether the hashes are equal",
    ),
    differs(
        "registry status --json",
        (0, "out", '{"draining":false,'),
        (0, "out", '{\n  "draining": false,'),
        "JSON is indented",
    ),
    differs(
        "MCP_MESH_LOG_LEVEL=WARNING list",
        (1, "err", "WARNING"),
        (0, "out", "healthy"),
        "one spelling of log levels is as good as another, `WARN` or `WARNING`",
    ),
    differs(
        "MCP_MESH_REGISTRY_URL=http://127.0.0.1:9 list",
        (0, "out", "healthy"),
        (0, "out", "Registry: not running (http://127.0.0.1:9)"),
        "`MCP_MESH_REGISTRY_URL` is honoured by every command",
    ),
    differs(
        "config path",
        (0, "out", "cli_config.json"),
        (0, "out", "config.toml"),
        "`config path` names a file that is read",
    ),
    differs(
        "version",
        (1, "err", "unknown command"),
        (0, "out", "meshctl version "),
        "`meshctl version` is there",
    ),
    differs(
        "scaffold basic --name new --dry-run",
        (0, "err", "new/main.py"),
        (0, "out", "new/main.py"),
        "`scaffold` prints on standard output",
    ),
    differs(
        "logs gone -p",
        (1, "err", "flag needs an argument"),
        (1, "err", "log file not found for agent 'gone'"),
        "`logs -p` needs no number: it means the last start but one",
    ),
]


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mesh, ScriptedMesh]]:
    with a_mesh(tmp_path_factory.mktemp("mesh")) as mesh, served() as port:
        (mesh.home / "args.json").write_text('{"from": "OSL"}')
        mesh.registry_settings = {"DEFAULT_TIMEOUT_THRESHOLD": "3600"}
        mesh.start_registry(OUR_REGISTRY)
        script = ScriptedMesh(mesh.url, port)
        script.settle()
        yield mesh, script


def typed(words: str, names: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The variables and the arguments."""
    filled = re.sub(r"\{([A-Z]+)\}", lambda found: names[found[1]], words).split()
    variables = [word for word in filled if re.match(r"[A-Z_]+=", word)]
    settings = dict(word.split("=", 1) for word in variables)
    return settings, filled[len(variables) :]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.words)
def test_the_answers_differ_as_the_guide_says(
    scripted: tuple[Mesh, ScriptedMesh], difference: Difference
) -> None:
    mesh, script = scripted
    settings, arguments = typed(difference.words, script.names)
    expected: list[tuple[Path, tuple[int, str, str]]] = [
        (UPSTREAM_MESHCTL, difference.published),
        (OUR_MESHCTL, difference.ours),
    ]
    for meshctl, (code, stream, fragment) in expected:
        done = run([meshctl, *arguments], mesh.home, mesh.environment(OUR_VENV, settings))
        assert done.returncode == code, (meshctl, done)
        assert fragment in {"out": done.stdout, "err": done.stderr}[stream], (meshctl, done)
    guide = " ".join(GUIDE.read_text().split())
    assert difference.told in guide
