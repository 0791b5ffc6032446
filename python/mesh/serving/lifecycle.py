"""When an agent starts: after the main module has run to its end, in the main thread.

The decorators return, so code below them runs and tools below them count. The start hangs on the
hook with which Python's own executors end: it runs in the main thread once the program has ended
and before the interpreter takes anything down, so signals, threads and event loops work as ever.
"""

from __future__ import annotations

import dis
import os
import sys
import threading
from types import FrameType

from mesh.declaring.catalogue import catalogue
from mesh.serving.environment import read_flag

# Must be imported before the hook is registered: hooks run in reverse order, and executors have to
# outlive the agent.
import concurrent.futures.thread  # noqa: F401  isort: skip


class _Armed:
    """Whether the hook is registered; once in a process."""

    done = False


def start_when_main_ends(module: str) -> None:
    """Arranges the start, if `module`, which declares something, is what this process runs."""
    if _Armed.done or not _is_run(module) or _is_interactive():
        return
    frame = _main_frame()
    if frame is None:
        return
    _Armed.done = True
    process = os.getpid()

    def at_end() -> None:
        # A forked child inherits the hook; a program that failed or exited has no agent to start.
        if os.getpid() == process and _ran_to_its_end(frame):
            from mesh.serving.process import run_and_exit

            run_and_exit(frame.f_globals)

    # There is no public hook at this point: `atexit` comes too late, threads cannot start there.
    threading._register_atexit(at_end)  # type: ignore[attr-defined]


def embed_when_declared(module: str) -> None:
    """Arranges for an agent that the program runs itself, if that is what was declared last."""
    if not is_embedded():
        return
    from mesh.serving.applications import follow_applications
    from mesh.serving.embedded import start_when_declared

    follow_applications()
    if _is_main(module) and not _is_interactive():
        start_when_declared()


def is_embedded() -> bool:
    """Whether this process has declared an agent, and runs it itself."""
    agent = catalogue.agent
    return agent is not None and not read_flag(
        os.environ, "MCP_MESH_AUTO_RUN", default=agent.auto_run is not False
    )


def _is_run(module: str) -> bool:
    # Whoever asks for it by name wants the agent, not a module of a test.
    return _is_main(module) or bool(
        os.environ.get("MCP_MESH_AUTO_RUN") or os.environ.get("MCP_MESH_GROUP_ID")
    )


def _is_main(module: str) -> bool:
    if module == "__main__":
        return True
    # `python -m package` runs its `__main__`, which imports the agent beside it.
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name.endswith(".__main__"):
        package = spec.name.removesuffix(".__main__")
        return module == package or module.startswith(f"{package}.")
    return False


def _is_interactive() -> bool:
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)


def _main_frame() -> FrameType | None:
    """The frame of the main module; None when it is not what called us, directly or not."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__":
            return frame
        frame = frame.f_back
    return None


def _ran_to_its_end(frame: FrameType) -> bool:
    """Whether the module returned; one that raised, or called `sys.exit`, stopped elsewhere."""
    last = frame.f_code.co_code[frame.f_lasti]
    return dis.opname[last].startswith("RETURN")
