"""The published `meshctl` and ours are asked the same, of the same registry, and answer the same.

Compared is what scripts take from an answer. Where ours answers otherwise on purpose,
`DIFFERENCES` says so, and so does the guide for those who migrate.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mesh_harness import (
    EITHER_REGISTRY,
    OUR_MESHCTL,
    OUR_VENV,
    UPSTREAM_MESHCTL,
    UPSTREAM_VENV,
    Mesh,
    a_mesh,
    run,
)
from meshctl_answers import (
    Answer,
    View,
    answer_of,
    block,
    cells,
    code,
    differing,
    document,
    exactly,
    facts,
    lines_with,
    mentions,
    refused,
    says,
)
from scripted_agent import ScriptedMesh, served

NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Question:
    """What both are asked, and what must be the same in their answers."""

    # With `{names}` of the mesh in it.
    words: str
    views: tuple[View, ...]
    # What is done before either is asked: a method of the scripted mesh.
    before: str = ""

    def arguments(self, names: dict[str, str]) -> list[str]:
        # Braces that name nothing are JSON.
        filled = re.sub(r"\{([A-Z]+)\}", lambda found: names[found[1]], self.words)
        return [word.replace("~", " ") for word in filled.split()]


def ask(words: str, *views: View, before: str = "") -> Question:
    return Question(words, views or (exactly,), before)


AGENTS = ("NAME", "RUNTIME", "TYPE", "STATUS", "DEPS", "CAPS", "ENDPOINT")
TOOL = ("Tool", "Capability", "Availability", "Version")
AGENT = ("Type", "Runtime", "Status", "Endpoint", "Version", "Dependencies")
JOB = ("Job", "Capability", "Status", "Owner", "Claim epoch", "Attempts", "Progress")
JOB += ("Lease expiry", "Last beat", "Recv cursor", "Submitted", "Error")

LISTS = [
    ask("list", cells(*AGENTS), says(" - 1 down hidden (use --all) - 1 superseded hidden")),
    ask("list --all", cells(*AGENTS), says("7 healthy, 1 inactive, 1 superseded")),
    ask("list --wide", cells(*AGENTS)),
    ask("list --filter FLIGHTS", cells(*AGENTS)),
    ask("list --filter nothing", says("No agents found")),
    ask("list --no-deps", cells("NAME", "STATUS", "ENDPOINT")),
    ask("list --json", document("agents", in_order=False), document("registry")),
    ask("list --json --all", document("agents", in_order=False), document("registry")),
    ask("list --json --filter flights", document("agents", in_order=False), document("registry")),
    ask("list --json --filter nothing", document()),
    ask("list --tools", cells("TOOL", "AGENT", "CAPABILITY"), lines_with("tool(s) found")),
    ask("list -t", cells("TOOL", "AGENT", "CAPABILITY")),
    ask("list --tools --show-framework", cells("TOOL", "AGENT", "CAPABILITY")),
    ask("list --tools --json", document(in_order=False)),
    ask("list --tools=echo", facts(*TOOL), block("Input Schema:", "Example:")),
    ask("list --tools=hotels:book", facts(*TOOL, "Tags"), block("Input Schema:", "Example:")),
    ask("list --tools=hotels:book --json", document()),
    ask("list --tools=__mesh_helper", facts(*TOOL)),
    ask("list --tools=book", lines_with("- "), refused("flights-0000aaaa:book")),
    ask("list --tools=nothing", refused("'nothing'")),
    ask("list --tools=hotels:nothing", refused("tool 'nothing' not found on agent 'hotels'")),
    ask("list --services --json", document()),
    ask("list --services --json --show-framework", document()),
    ask("list --services", cells("SERVICE", "METHOD", "STATUS")),
    ask("list --schemas --json", document()),
    ask("list --schemas --json --limit 1", document()),
    ask("list --schemas", says("HASH ORIGIN CREATED CANONICAL_PREVIEW")),
    ask(f"list --registry-url {NOBODY}", says("Registry: not running")),
    ask(f"list --json --registry-url {NOBODY}", document("agents")),
    ask(f"list --tools --registry-url {NOBODY}", refused(NOBODY.removeprefix("http://"))),
    ask("list --healthy-only", refused("--healthy-only")),
    ask("list -a", refused("-a")),
]

STATES = [
    ask("status", lines_with("healthy agent(s)"), lines_with("Dependencies (")),
    ask("status planner", facts(*AGENT), lines_with("Dependencies ("), says("NOT FOUND")),
    ask("status gateway", facts(*AGENT), lines_with("Capabilities (")),
    ask("status planner-0000eeee --verbose", facts(*AGENT)),
    ask("status PLAN", facts(*AGENT)),
    ask("status --json", document(in_order=False)),
    ask("status planner --json", document()),
    ask("status flights", lines_with("- flights"), refused("multiple agents match 'flights'")),
    ask("status nobody", refused("agent found matching 'nobody'")),
    ask(f"status --registry-url {NOBODY}", refused("127.0.0.1:9")),
]

CALLS = [
    ask("call spelled"),
    ask("call spelled --raw"),
    ask("call spelled --pretty"),
    ask("call flights-0000aaaa:spelled"),
    ask("call travel.cancel"),
    ask("call rooms"),
    ask("call hotels:book"),
    ask("call __mesh_helper"),
    ask("call failing"),
    ask("call refused"),
    ask("call refused_with_data", refused("MCP call failed: Booking failed: ", '"12A"')),
    ask("call streamed"),
    ask("call told"),
    ask("call told --raw"),
    ask("call unlabelled_stream"),
    ask("call refused_in_stream"),
    ask("call cut", refused("MCP call failed: ")),
    ask("call cut_in_frame", refused("MCP call failed: ")),
    ask("call late", refused("MCP call failed: ", "30s")),
    ask("call prose"),
    ask("call broken", refused("MCP call failed: ", "500: the kettle exploded")),
    ask("call forbidden", refused("MCP call failed: ", "403: ", '{"detail":"not for you"}')),
    ask('call echo {"a":1,"b":[true,null,"c"]} --timeout 7', document()),
    ask("call echo -H X-Said:~one --header X-Said-Again:two:three", document()),
    ask("call echo -H X-Said:~one --header X-Said-Again:two:three --use-proxy=false", document()),
    ask("call echo --use-proxy=false", document()),
    ask("call echo {} --use-proxy=true", document()),
    ask("call echo --agent-url http://127.0.0.1:{PORT}", document()),
    ask("call nobody:echo --agent-url http://127.0.0.1:{PORT}", document()),
    ask("call echo --file args.json", document()),
    ask("call book", lines_with("- "), refused("flights-0000aaaa:book")),
    ask("call flights:book", lines_with("- "), refused("multiple agents match 'flights'")),
    ask("call hotels:nothing", refused("tool 'nothing' not found on agent 'hotels'")),
    ask("call nothing", refused("no agent found with tool 'nothing'")),
    ask("call nobody:book", refused("no healthy agent found matching 'nobody'")),
    ask("call gone:vanished", refused("no healthy agent found matching 'gone'")),
    ask("call vanished", refused("no agent found with tool 'vanished'")),
    ask("call spelled [1]", refused("arguments", "JSON")),
    ask("call spelled {", refused("arguments", "JSON")),
    ask("call spelled --file missing.json", refused("missing.json")),
    ask("call spelled -H nonsense", refused("header", "nonsense")),
    ask(f"call spelled --agent-url {NOBODY}", refused("MCP call failed: ", f"{NOBODY}/mcp")),
    ask(f"call spelled --registry-url {NOBODY}", refused(NOBODY)),
    ask("call spelled --trace", mentions("Trace ID: ", "meshctl trace ")),
    ask("call", refused()),
]

AUDIT = ("TIMESTAMP", "DEP", "FUNCTION", "CHOSEN", "CANDIDATES")
DECISIONS = [
    ask("audit planner", cells(*AUDIT)),
    ask("audit planner --limit 1", cells(*AUDIT)),
    ask("audit planner --dep 0 --function plan", cells(*AUDIT)),
    ask("audit planner --include-unresolved=false", cells(*AUDIT)),
    ask(
        "audit planner --explain",
        *(lines_with(text) for text in ("dep[", "spec:", "─ ", "kept:", "│ chosen:", "✓ chosen:")),
    ),
    ask("audit planner --json", document()),
    ask("audit planner --json --limit 1", document()),
    ask("audit planner --json --dep 1", document()),
    ask("audit planner --json --function nothing", document()),
    ask("audit gone", code),
    ask("audit flights", lines_with("- flights"), refused("multiple agents match 'flights'")),
    ask("audit nobody", refused("no agent found matching 'nobody'")),
    ask("audit", refused()),
    ask("schema diff {OLD} {NEW} --json", document()),
    ask("schema diff {OLD} {NEW}", code),
    ask("schema diff {OLD} {OLD}", code),
    ask("schema diff {OLD} sha256:0", refused("schema not found: sha256:0")),
    ask("schema diff sha256:0 {NEW} --json", refused("schema not found: sha256:0")),
    ask("schema diff {OLD}", refused()),
]

WORK = [
    ask("job status {JOB}", facts(*JOB)),
    ask("job status {JOB} --json", document()),
    ask("job status {DONE}", facts(*JOB)),
    ask("job status {CANCELLED}"),
    ask("job status {CANCELLED} --json", document()),
    ask("job status nothing", refused("job not found: nothing")),
    ask("job status nothing --json", refused("job not found: nothing")),
    ask("job status", refused()),
    ask("job reclaim {JOB}", lines_with(": "), before="claim"),
    ask("job status {JOB}", facts(*JOB)),
    ask("job reclaim {JOB}"),
    ask("job reclaim {CANCELLED}", refused("is already in a terminal state")),
    ask("job reclaim nothing", refused("job not found: nothing")),
    ask("registry status", before="resume"),
    ask("registry status --json", document()),
    ask("registry drain", says("Registry draining", "Live claims: 1"), before="claim"),
    ask("registry drain --wait --wait-timeout 1 --poll-interval 1", code),
    ask("registry drain --wait", before="finish_all"),
    ask("registry drain", before="finish_all"),
    ask("registry status", before="drain"),
    ask("registry status --json", document(), before="drain"),
    ask("registry resume", before="drain"),
    ask("registry resume"),
    ask(
        "registry status --registry-url http://127.0.0.1:{PORT}",
        refused("404", "--registry-url http://"),
    ),
    ask(
        "registry drain --registry-url http://127.0.0.1:{PORT}",
        refused("404", "--registry-url http://"),
    ),
    ask(
        "registry resume --registry-url http://127.0.0.1:{PORT}",
        refused("404", "--registry-url http://"),
    ),
    ask(f"registry status --registry-url {NOBODY}", refused(NOBODY)),
]


UNKNOWN = "0af7651916cd43dd8448eb211c80319c"
OTHERS = [
    ask(f"trace {UNKNOWN} --retries 0", refused()),
    ask(f"trace {UNKNOWN} --retries 0 --json", refused()),
    ask("trace", refused()),
    ask("entity rotate", mentions("9 agent(s) will re-register")),
    ask("entity rotate acme", mentions("re-register")),
    ask("entity rotate --registry-url {URL}", mentions("9 agent(s) will re-register")),
    ask(f"entity rotate --registry-url {NOBODY}", refused()),
    ask("--version", mentions("meshctl version ")),
    ask("-v", mentions("meshctl version ")),
    ask("--help", mentions("scaffold")),
    ask("nonsense", refused("nonsense")),
]


@dataclass(frozen=True)
class Asked:
    """A mesh to ask about."""

    mesh: Mesh
    script: ScriptedMesh

    def ask(self, binary: Path, question: Question) -> Answer:
        if question.before:
            getattr(self.script, question.before)()
        arguments = question.arguments(self.script.names)
        environment = self.mesh.environment(OUR_VENV)
        return answer_of(run([binary, *arguments], self.mesh.home, environment))


@pytest.fixture(scope="module", params=EITHER_REGISTRY)
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    """Agents of every state and kind: two that run, one of each release, and many in words only."""
    registry: Path = request.param
    with a_mesh(tmp_path_factory.mktemp("mesh")) as mesh, served() as port:
        (mesh.home / "args.json").write_text('{"from": "OSL"}')
        # Those in words send no heartbeats.
        mesh.registry_settings = {"DEFAULT_TIMEOUT_THRESHOLD": "3600"}
        mesh.start_registry(registry)
        mesh.start_agent("provider.py", UPSTREAM_VENV)
        mesh.start_agent("consumer.py", OUR_VENV)
        script = ScriptedMesh(mesh.url, port)
        script.settle()
        mesh.wait_for_agent("interop-consumer", resolved=2)
        yield Asked(mesh, script)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(question, id=f"{at}-{question.words}")
        for at, question in enumerate([*LISTS, *STATES, *CALLS, *DECISIONS, *WORK, *OTHERS])
    ],
)
def test_the_answer_is_the_same(asked: Asked, question: Question) -> None:
    theirs, ours = (asked.ask(binary, question) for binary in (UPSTREAM_MESHCTL, OUR_MESHCTL))
    difference = differing(question.views, theirs, ours)
    if difference:
        pytest.fail(difference, pytrace=False)
