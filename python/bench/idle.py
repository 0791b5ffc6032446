"""What an agent holds and does while nobody asks it for anything, beside FastMCP alone."""

import time
from contextlib import ExitStack
from pathlib import Path

from processes import Agent, Registry, registry
from side import AGENTS, Side

# Seconds until what starts late has started: the clean-up after imports, the first heartbeats.
SETTLE = 4.0
SUBJECTS = ("fastmcp", "idle")


def measure_idle(sides: list[Side], program: Path, rounds: int, seconds: float) -> None:
    """Memory, threads and processor time of a registered agent and of a bare FastMCP server.

    Memory is read while no other subject runs, since a shared page counts for each in parts; the
    processor is watched for `seconds` while all of them idle, because none disturbs another.
    """
    for _ in range(rounds):
        for side in sides:
            for subject in SUBJECTS:
                with registry(program) as mesh, start(side, subject, mesh) as agent:
                    time.sleep(SETTLE)
                    for figure, value in agent.memory().items():
                        side.note(f"{subject}_{figure}", value)
                    side.note(f"{subject}_threads", agent.threads())
    with ExitStack() as stack:
        watched = []
        for side in sides:
            for subject in SUBJECTS:
                mesh = stack.enter_context(registry(program))
                agent = stack.enter_context(start(side, subject, mesh))
                watched.append((side, f"{subject}_cpu_share", agent))
        time.sleep(SETTLE)
        before = [(agent.scheduled(), time.perf_counter()) for _, _, agent in watched]
        time.sleep(seconds)
        for (side, figure, agent), (cpu, since) in zip(watched, before, strict=True):
            side.note(figure, (agent.scheduled() - cpu) / (time.perf_counter() - since))


def start(side: Side, subject: str, mesh: Registry) -> Agent:
    """Start a subject, and wait until it serves or is registered."""
    if subject == "fastmcp":
        agent = Agent(side.python, AGENTS / "plain.py", mesh)
        agent.wait_until_served()
    else:
        agent = Agent(side.python, AGENTS / "alone.py", mesh)
        mesh.wait_for("bench-alone", agent)
    return agent
