"""Measure our package beside the published one, in the same run and against the same registry.

Prints a table and keeps the figures as JSON. Both sides run the same agents, taking turns; each
side has an interpreter with its package installed, ours built in release mode.
"""

import argparse
import json
import sys
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from idle import measure_idle
from life import (
    Installer,
    measure_import,
    measure_installation,
    measure_meshctl,
    measure_start_and_stop,
)
from recovery import measure_recovery
from report import Row, render, rows
from side import HERE, Side
from traffic import measure_calls, measure_jobs

PEER = "mcp-mesh 3.8.0"
PARTS = ("life", "idle", "traffic", "recovery", "installation", "meshctl")
# Seconds, of different lengths, so that no retry falls at the same point of each.
OUTAGES = [3.0, 4.3, 5.6, 6.9, 8.2]


def measure(part: str, sides: list[Side], options: argparse.Namespace) -> None:
    """Measure one part of the table."""
    runs, rounds, count = (2, 1, 50) if options.quick else (5, 3, 200)
    program = options.registry.resolve()
    match part:
        case "life":
            measure_import(sides, runs + 2)
            measure_start_and_stop(sides, program, runs)
        case "idle":
            measure_idle(sides, program, rounds, 5.0 if options.quick else 45.0)
        case "traffic":
            measure_calls(sides, program, rounds, count)
            measure_jobs(sides, program, count // 20)
        case "recovery":
            measure_recovery(sides, program, OUTAGES[:rounds] if options.quick else OUTAGES)
        case "installation" if options.wheel:
            measure_installation(sides, installer(options), program, rounds)
        case "meshctl" if options.meshctl:
            measure_meshctl(sides[0], options.meshctl.resolve(), program, runs)


def installer(options: argparse.Namespace) -> Installer:
    """Installs the wheel with the pinned pair, and what is published as it comes."""
    pinned = HERE.parent / "requirements" / "fastmcp-pinned.txt"
    published = HERE.parents[1] / "tests" / "interop" / "requirements.txt"
    wanted = {
        "ours": ["--requirement", str(pinned), str(options.wheel.resolve())],
        PEER: ["--requirement", str(published)],
    }
    return Installer(options.uv.absolute(), wanted)


def keep(path: Path, lines: list[Row], sides: list[Side]) -> None:
    """Write the table and what it was made of."""
    kept = {
        "time": datetime.now(UTC).isoformat(),
        "python": sys.version.split()[0],
        "rows": [asdict(line) for line in lines],
        "figures": {side.name: side.figures for side in sides},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")
    sys.stdout.write(f"figures kept in {path}\n")


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", type=Path, default=Path(sys.executable), help="our interpreter")
    parser.add_argument("--peer", type=Path, required=True, help="the published package's")
    parser.add_argument("--registry", type=Path, required=True, help="the registry for both")
    parser.add_argument("--meshctl", type=Path, help="our command line, measured too if given")
    parser.add_argument("--wheel", type=Path, help="our wheel, installed afresh if given")
    parser.add_argument("--uv", type=Path, default=Path(".venv/bin/uv"), help="what installs it")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    options = parser.parse_args()
    # Absolute, not resolved: an environment's interpreter is a link whose place says which it is.
    sides = [Side("ours", options.ours.absolute()), Side(PEER, options.peer.absolute())]
    failed = []
    for part in options.only or PARTS:
        start = time.monotonic()
        try:
            measure(part, sides, options)
        except Exception:
            # What the other parts took minutes to measure is kept.
            traceback.print_exc()
            failed.append(part)
        sys.stderr.write(f"{part}: {time.monotonic() - start:.0f} s\n")
    lines = rows(*sides)
    sys.stdout.write(render(lines, PEER) + "\n")
    if options.json:
        keep(options.json, lines, sides)
    if failed:
        sys.exit(f"error: not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
