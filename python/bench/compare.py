"""Measure our package beside the published one, in the same run and against the same registry.

Prints a table and keeps the figures as JSON. Both sides run the same agents; each side has an
interpreter with its package installed, ours built in release mode.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processes import Agent, Home, Registry, clean_environment, registry
from raw_socket import RawSocket

HERE = Path(__file__).resolve().parent
AGENTS = HERE / "agents"
WIRING_LIMIT = 60.0


@dataclass
class Side:
    """One package under test."""

    name: str
    python: Path
    figures: dict[str, Any] = field(default_factory=dict)

    def note(self, figure: str, value: float) -> None:
        """Add one measurement to a figure."""
        self.figures.setdefault(figure, []).append(value)

    def run(self, *arguments: str | Path) -> str:
        """Run the side's interpreter to its end; what it printed."""
        done = subprocess.run(  # noqa: S603 -- the interpreter is the one under test
            [self.python, *arguments],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout


@dataclass
class Row:
    """A line of the table."""

    figure: str
    ours: str
    peer: str
    target: str = ""
    met: bool | None = None


def measure_import(sides: list[Side], runs: int) -> None:
    """CPU time of `import mesh` and two decorators, in fresh interpreters."""
    for run in range(runs + 1):
        for side in sides:
            report = json.loads(side.run(HERE / "declare.py").strip().splitlines()[-1])
            # The first one writes the bytecode.
            if run:
                side.note("import_cpu", report["import"] + report["declare"])
                side.figures["import_loaded"] = report["loaded"]
                side.figures["import_modules"] = report["modules"]


def measure_fastmcp(side: Side) -> float:
    """Wall seconds of an interpreter that imports FastMCP, without its clean-up."""
    start = time.perf_counter()
    side.run("-c", "import os; from fastmcp import FastMCP; os._exit(0)")
    return time.perf_counter() - start


def measure_start_and_stop(sides: list[Side], program: Path, runs: int) -> None:
    """From the start of the process until it is listed, and from SIGTERM until it ended."""
    with registry(program) as mesh:
        for _ in range(runs):
            for side in sides:
                floor = measure_fastmcp(side)
                with Agent(side.python, AGENTS / "alone.py", mesh) as agent:
                    mesh.wait_for("bench-alone", agent)
                    took = time.perf_counter() - agent.started
                    side.note("fastmcp_import", floor)
                    side.note("start", took)
                    side.note("start_over_fastmcp", took - floor)
                    side.note("start_cpu", agent.cpu())
                    side.note("stop", agent.stop())
                    side.note("stop_traceback", "Traceback" in agent.output())
                wait_until_gone(mesh, "bench-alone")


def measure_meshctl(side: Side, meshctl: Path, program: Path, runs: int) -> None:
    """From `meshctl start -d` of one agent until the registry lists it."""
    with registry(program) as mesh, Home(meshctl, side.python, mesh) as home:
        for _ in range(runs):
            start = time.perf_counter()
            home.meshctl("start", "-d", AGENTS / "alone.py")
            mesh.wait_for("bench-alone", home)
            side.note("meshctl_start", time.perf_counter() - start)
            home.meshctl("stop", "bench-alone")
            wait_until_gone(mesh, "bench-alone")


def wait_until_gone(mesh: Registry, name: str) -> None:
    """Wait until the registry noticed that the agent left, so that the next one is seen."""
    deadline = time.monotonic() + WIRING_LIMIT
    while any(listed["name"] == name for listed in mesh.agents()):
        if time.monotonic() > deadline:
            raise TimeoutError(name)
        time.sleep(0.01)


def measure_calls(side: Side, program: Path, rounds: int, count: int) -> None:
    """Injected calls beside raw ones to the same server, and the consumer's stop afterwards."""
    raw, injected, cpu = [], [], 0.0
    with (
        registry(program) as mesh,
        Agent(side.python, AGENTS / "provider.py", mesh) as provider,
        Agent(side.python, AGENTS / "consumer.py", mesh) as consumer,
    ):
        mesh.wait_for("bench-provider", provider)
        mesh.wait_for("bench-consumer", consumer)
        wait_until_wired(consumer)
        for _ in range(rounds):
            raw += raw_calls(provider, count)
            report = calls(consumer, count)
            injected += report["latencies"]
            cpu += report["cpu"]
        side.figures |= {
            "raw": raw,
            "injected": injected,
            "call_cpu": cpu / (rounds * count),
            "stop_after_calls": consumer.stop(),
            "stop_after_calls_traceback": "Traceback" in consumer.output(),
        }


# Both connect anew for each turn: agents close connections that wait for the other's turn.


def raw_calls(provider: Agent, count: int) -> list[float]:
    """Call the provider's tool with nothing in between."""
    with RawSocket(provider.port) as direct:
        direct.time("bench_echo", {"text": "warm"}, 20)
        return direct.time("bench_echo", {"text": "call number 1"}, count)


def calls(consumer: Agent, count: int) -> dict[str, Any]:
    """Let the consumer call its dependency; what it reports."""
    with RawSocket(consumer.port) as driver:
        report: dict[str, Any] = json.loads(driver.call("bench_calls", {"count": count}))
        return report


def measure_jobs(side: Side, program: Path, count: int) -> None:
    """From the submission of a job to an idle worker until its handler begins."""
    with registry(program) as mesh, Agent(side.python, AGENTS / "worker.py", mesh) as worker:
        mesh.wait_for("bench-worker", worker)
        for number in range(count + 1):
            # Between two polls of whoever polls, and not always at the same point.
            time.sleep(0.2 + 0.37 * (number % 5))
            request = {
                "capability": "bench_job",
                "submitted_payload": {"number": number},
                "submitted_by": "bench",
            }
            submitted = time.time()
            job = mesh.ask("POST", "/jobs", request)
            deadline = time.monotonic() + WIRING_LIMIT
            while job["status"] != "completed":
                if time.monotonic() > deadline:
                    raise TimeoutError(worker.output())
                time.sleep(0.01)
                job = mesh.ask("GET", f"/jobs/{job['id']}")
            # The first one finds a worker that has only just begun.
            if number:
                side.note("job_begins", job["result"]["began"] - submitted)


def wait_until_wired(consumer: Agent) -> None:
    """Wait until the consumer's tool was given its dependency."""
    deadline = time.monotonic() + WIRING_LIMIT
    while not calls(consumer, 5)["wired"]:
        if time.monotonic() > deadline:
            raise TimeoutError(consumer.output())
        time.sleep(0.2)


def milliseconds(seconds: float) -> str:
    """Render seconds."""
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"


def rows(ours: Side, peer: Side) -> list[Row]:
    """Make the table from what was measured."""

    def pair(figure: str, name: str, target: str = "", limit: float | None = None) -> Row:
        values = [side.figures[name] for side in (ours, peer)]
        middle = [v if isinstance(v, float) else statistics.median(v) for v in values]
        met = None if limit is None else middle[0] <= limit
        return Row(figure, milliseconds(middle[0]), milliseconds(middle[1]), target, met)

    def ratio(side: Side) -> float:
        beside: float = statistics.median(side.figures["raw"])
        return float(statistics.median(side.figures["injected"])) / beside

    loaded = [", ".join(side.figures["import_loaded"]) or "none" for side in (ours, peer)]
    clean = not {"anthropic", "openai", "google.genai", "fastmcp"} & set(
        ours.figures["import_loaded"]
    )
    traces = [
        sum(side.figures["stop_traceback"]) + side.figures["stop_after_calls_traceback"]
        for side in (ours, peer)
    ]
    lines = [
        pair("import mesh, one tool, one agent: CPU", "import_cpu", "≤ 80 ms", 0.080),
        Row("  loaded by it", loaded[0], loaded[1], "no FastMCP, no vendor", clean),
        pair("import of FastMCP: wall", "fastmcp_import"),
        pair("agent start until registered: wall", "start"),
        pair("  beyond the import of FastMCP", "start_over_fastmcp", "≤ 150 ms", 0.150),
        pair("  CPU until then", "start_cpu"),
        pair("agent stop: wall", "stop", "≤ 300 ms", 0.300),
        pair("agent stop after outbound calls: wall", "stop_after_calls", "≤ 300 ms", 0.300),
        Row("  tracebacks at stop", str(traces[0]), str(traces[1]), "none", traces[0] == 0),
        pair("raw socket call, FastMCP-served tool: p50", "raw"),
        pair("injected call of the same tool: p50", "injected"),
        Row(
            "  beside the raw call",
            f"{ratio(ours):.2f} ×",
            f"{ratio(peer):.2f} ×",
            "≤ 1.3 ×",
            ratio(ours) <= 1.3,
        ),
        pair("  client CPU", "call_cpu", "≤ 0.4 ms", 0.0004),
        pair("job submitted until its handler begins: p50", "job_begins", "≤ 50 ms", 0.050),
    ]
    if "meshctl_start" in ours.figures:
        took = statistics.median(ours.figures["meshctl_start"])
        limit = statistics.median(ours.figures["start"]) + 0.2
        lines.append(
            Row(
                "meshctl start -d until listed: wall",
                milliseconds(took),
                "",
                f"≤ agent start + 200 ms = {milliseconds(limit)}",
                took <= limit,
            )
        )
    return lines


def table(lines: list[Row]) -> str:
    """Align the rows."""
    cells = [["figure", "ours", "mcp-mesh 3.8.0", "target", ""]]
    verdicts = {None: "", True: "met", False: "MISSED"}
    cells += [[r.figure, r.ours, r.peer, r.target, verdicts[r.met]] for r in lines]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", type=Path, default=Path(sys.executable), help="our interpreter")
    parser.add_argument("--peer", type=Path, required=True, help="the published package's")
    parser.add_argument("--registry", type=Path, required=True, help="the registry for both")
    parser.add_argument("--meshctl", type=Path, help="our command line, measured too if given")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    arguments = parser.parse_args()
    runs, rounds, count = (2, 1, 50) if arguments.quick else (5, 3, 200)
    program = arguments.registry.resolve()
    # Absolute, not resolved: an environment's interpreter is a link whose place says which it is.
    ours, peer = (
        Side("ours", arguments.ours.absolute()),
        Side("mcp-mesh 3.8.0", arguments.peer.absolute()),
    )
    sides = [ours, peer]
    measure_import(sides, runs + 2)
    measure_start_and_stop(sides, program, runs)
    for side in sides:
        measure_calls(side, program, rounds, count)
        measure_jobs(side, program, count // 20)
    if arguments.meshctl:
        measure_meshctl(ours, arguments.meshctl.resolve(), program, runs)
    lines = rows(ours, peer)
    sys.stdout.write(table(lines) + "\n")
    if arguments.json:
        kept = {
            "time": datetime.now(UTC).isoformat(),
            "python": sys.version.split()[0],
            "rows": [asdict(line) for line in lines],
            "figures": {side.name: side.figures for side in (ours, peer)},
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(kept, indent=1) + "\n")
        sys.stdout.write(f"figures kept in {arguments.json}\n")


if __name__ == "__main__":
    main()
