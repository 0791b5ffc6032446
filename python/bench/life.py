"""What a package costs before and after its work: import, start, stop, a fresh installation."""

import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import Agent, Home, Registry, clean_environment, registry
from side import AGENTS, HERE, WIRING_LIMIT, Side


def measure_import(sides: list[Side], runs: int) -> None:
    """CPU time of `import mesh` and its decorators, in fresh interpreters."""
    for run in range(runs + 1):
        for side in sides:
            report = json.loads(side.run(HERE / "declare.py").strip().splitlines()[-1])
            # The first one writes the bytecode.
            if run:
                side.note("import_cpu", report["declare"])
                side.note("embed_cpu", report["embed"])
                side.figures["import_loaded"] = report["loaded"]


def measure_fastmcp(side: Side) -> tuple[float, float]:
    """Wall and CPU seconds of an interpreter that imports FastMCP, without its clean-up."""
    start, used = time.perf_counter(), cpu_of_children()
    side.run("-c", "import os; from fastmcp import FastMCP; os._exit(0)")
    return time.perf_counter() - start, cpu_of_children() - used


def cpu_of_children() -> float:
    """CPU seconds of the processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_start_and_stop(sides: list[Side], program: Path, runs: int) -> None:
    """From the start of the process until it is listed, and from SIGTERM until it ended."""
    with registry(program) as mesh:
        for _ in range(runs):
            for side in sides:
                floor, floor_cpu = measure_fastmcp(side)
                with Agent(side.python, AGENTS / "alone.py", mesh) as agent:
                    mesh.wait_for("bench-alone", agent)
                    took, used = time.perf_counter() - agent.started, agent.cpu()
                    side.note("fastmcp_import", floor)
                    side.note("start", took)
                    side.note("start_over_fastmcp", took - floor)
                    side.note("start_cpu", used)
                    side.note("start_cpu_over_fastmcp", used - floor_cpu)
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


@dataclass
class Installer:
    """Makes fresh environments with uv; each side's packages are those that it is told."""

    uv: Path
    wanted: dict[str, Sequence[str]]

    def install(self, side: Side, folder: Path) -> Path:
        """Make an environment in `folder` with the side's package; its interpreter."""
        self._uv("venv", "--python", str(side.python), str(folder))
        python = folder / "bin" / "python"
        self._uv("pip", "install", "--python", str(python), *self.wanted[side.name])
        return python

    def _uv(self, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 -- a tool of this project
            [self.uv, "--quiet", *arguments], env=clean_environment(), check=True, timeout=300
        )


def measure_installation(sides: list[Side], installer: Installer, program: Path, runs: int) -> None:
    """What a fresh environment holds, and how long its first start takes, bytecode and all."""
    with registry(program) as mesh, tempfile.TemporaryDirectory(prefix="mesh-bench-") as folder:
        for run in range(runs):
            for number, side in enumerate(sides):
                place = Path(folder, f"{run}-{number}")
                python = installer.install(side, place)
                # uv writes no bytecode, so that what is counted is what was installed.
                side.figures["installed_bytes"] = float(size(place))
                side.figures["installed_packages"] = len(list(place.glob("lib/*/*/*.dist-info")))
                with Agent(python, AGENTS / "alone.py", mesh) as agent:
                    mesh.wait_for("bench-alone", agent)
                    side.note("first_start", time.perf_counter() - agent.started)
                    side.note("first_start_cpu", agent.cpu())
                    agent.stop()
                wait_until_gone(mesh, "bench-alone")


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


def wait_until_gone(mesh: Registry, name: str) -> None:
    """Wait until the registry noticed that the agent left, so that the next one is seen."""
    deadline = time.monotonic() + WIRING_LIMIT
    while any(listed["name"] == name for listed in mesh.agents()):
        if time.monotonic() > deadline:
            raise TimeoutError(name)
        time.sleep(0.01)
