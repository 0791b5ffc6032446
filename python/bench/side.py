"""One of the packages that are compared: its interpreter, and what was measured of it."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import Agent, clean_environment
from raw_socket import RawSocket

HERE = Path(__file__).resolve().parent
AGENTS = HERE / "agents"
# Nothing that is waited for takes longer; what does ends the run.
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


def calls(consumer: Agent, count: int, tool: str = "bench_calls") -> dict[str, Any]:
    """Let the consumer call its dependency; what it reports."""
    with RawSocket(consumer.port) as driver:
        report: dict[str, Any] = json.loads(driver.call(tool, {"count": count}))
        return report
