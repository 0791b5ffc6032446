"""What calls and jobs take."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from processes import Agent, Registry, registry
from raw_socket import RawSocket
from side import AGENTS, WIRING_LIMIT, Side, calls


@dataclass
class Mesh:
    """A side's mesh of a provider and a consumer, and a bare FastMCP server beside it."""

    side: Side
    plain: Agent
    provider: Agent
    consumer: Agent

    @classmethod
    def enter(cls, side: Side, program: Path, stack: ExitStack) -> "Mesh":
        """Start everything, and wait until it is wired."""
        mesh = stack.enter_context(registry(program))
        plain, provider, consumer = (
            stack.enter_context(Agent(side.python, AGENTS / script, mesh))
            for script in ("plain.py", "provider.py", "consumer.py")
        )
        plain.wait_until_served()
        wait_until_wired(mesh, provider, consumer)
        return cls(side, plain, provider, consumer)


def measure_calls(sides: list[Side], program: Path, rounds: int, count: int) -> None:
    """Injected calls beside raw ones to the same server, and the consumers' stop afterwards."""
    with ExitStack() as stack:
        meshes = [Mesh.enter(side, program, stack) for side in sides]
        for _ in range(rounds):
            for mesh in meshes:
                measure_round(mesh, count)
        for mesh in meshes:
            mesh.side.note("stop_after_calls", mesh.consumer.stop())
            mesh.side.note("stop_after_calls_traceback", "Traceback" in mesh.consumer.output())


# Everybody connects anew for each turn: agents close connections that wait for another's turn.


def measure_round(mesh: Mesh, count: int) -> None:
    """One turn of one side."""
    figures = mesh.side.figures
    figures.setdefault("raw_plain", []).extend(raw_calls(mesh.plain, count))
    figures.setdefault("raw", []).extend(raw_calls(mesh.provider, count))
    report = calls(mesh.consumer, count)
    figures.setdefault("injected", []).extend(report["latencies"])
    mesh.side.note("call_cpu", report["cpu"] / count)
    report = calls(mesh.consumer, count, "bench_self_calls")
    figures.setdefault("self", []).extend(report["latencies"])


def raw_calls(server: Agent, count: int) -> list[float]:
    """Call the server's tool with nothing in between."""
    with RawSocket(server.port) as direct:
        direct.time("bench_echo", {"text": "warm"}, 20)
        return direct.time("bench_echo", {"text": "call number 1"}, count)


def wait_until_wired(mesh: Registry, provider: Agent, consumer: Agent) -> None:
    """Wait until the consumer's calls are answered."""
    mesh.wait_for("bench-provider", provider)
    mesh.wait_for("bench-consumer", consumer)
    deadline = time.monotonic() + WIRING_LIMIT
    while not is_wired(consumer):
        if time.monotonic() > deadline:
            raise TimeoutError(consumer.output())
        time.sleep(0.2)


def is_wired(consumer: Agent) -> bool:
    """Whether the consumer has its dependency, and a call of it is answered."""
    try:
        return bool(calls(consumer, 1)["wired"])
    except (ConnectionError, RuntimeError):
        # The call failed: one of them does not serve yet, or no more.
        return False


def measure_jobs(sides: list[Side], program: Path, count: int) -> None:
    """From the submission of a job to an idle worker until its handler begins."""
    with ExitStack() as stack:
        workers = []
        for side in sides:
            mesh = stack.enter_context(registry(program))
            worker = stack.enter_context(Agent(side.python, AGENTS / "worker.py", mesh))
            mesh.wait_for("bench-worker", worker)
            workers.append((side, mesh, worker))
        for number in range(count + 1):
            for side, mesh, worker in workers:
                # Between two polls of whoever polls, and not always at the same point.
                time.sleep(0.2 + 0.37 * (number % 5))
                took = measure_job(mesh, worker, number)
                # The first one finds a worker that has only just begun.
                if number:
                    side.note("job_begins", took)


def measure_job(mesh: Registry, worker: Agent, number: int) -> float:
    """Seconds of one job until its handler began."""
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
    began: float = job["result"]["began"]
    return began - submitted
