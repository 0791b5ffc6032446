"""How soon a mesh is whole again after its registry was away and came back empty."""

import time
from contextlib import ExitStack
from pathlib import Path

from processes import Agent, registry
from side import AGENTS, WIRING_LIMIT, Side
from traffic import is_wired, wait_until_wired

STEP = 0.02


def measure_recovery(sides: list[Side], program: Path, outages: list[float]) -> None:
    """For each of these outages in seconds: see `recover`."""
    for seconds in outages:
        for side in sides:
            recover(side, program, seconds)


def recover(side: Side, program: Path, seconds: float) -> None:
    """Kill the registry, replace the provider while it is away, and start one that knows nobody.

    Noted is when the consumer, counted from when that one serves, is listed again, and when its
    calls arrive at the provider that it has never seen.
    """
    with ExitStack() as stack:
        with registry(program) as mesh:
            provider = stack.enter_context(Agent(side.python, AGENTS / "provider.py", mesh))
            consumer = stack.enter_context(Agent(side.python, AGENTS / "consumer.py", mesh))
            wait_until_wired(mesh, provider, consumer)
        gone = time.monotonic()
        provider.kill()
        successor = stack.enter_context(Agent(side.python, AGENTS / "provider.py", mesh))
        successor.wait_until_quiet()
        time.sleep(max(0.0, seconds - (time.monotonic() - gone)))
        with registry(program, mesh.port) as mesh:
            back = time.perf_counter()
            deadline = back + WIRING_LIMIT
            while "bench-consumer" not in {each["name"] for each in mesh.agents()}:
                demand_time(deadline, consumer)
            side.note("recovered_listed", time.perf_counter() - back)
            while not is_wired(consumer):
                demand_time(deadline, consumer)
            side.note("recovered_wired", time.perf_counter() - back)


def demand_time(deadline: float, consumer: Agent) -> None:
    """Wait a little, unless it took too long already."""
    if time.perf_counter() > deadline:
        raise TimeoutError(consumer.output())
    time.sleep(STEP)
