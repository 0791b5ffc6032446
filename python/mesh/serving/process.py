"""The process of an agent, from the end of its main module to its exit code."""

from __future__ import annotations

import atexit
import logging
import os
import platform
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Any, NoReturn

from mesh.declaring.catalogue import ClashError, catalogue
from mesh.serving.environment import SettingError, read_flag
from mesh.serving.logs import start_logging
from mesh.serving.settings import resolve
from mesh.serving.stop_signals import STOP_SIGNALS

logger = logging.getLogger("mesh")


def run_and_exit(main: Mapping[str, Any]) -> None:
    """Runs the agent that the program has declared, then ends the process."""
    agent = catalogue.agent
    wanted = read_flag(
        os.environ, "MCP_MESH_AUTO_RUN", default=agent is None or agent.auto_run is not False
    )
    if not wanted:
        return
    try:
        code = _run(main)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        logger.exception("the agent ended because of an error of its own")
        code = 1
    end_process(code)


def end_process(code: int) -> NoReturn:
    """Ends this process, from any thread."""
    # An exit code cannot be returned from here, and taking down an interpreter that holds FastMCP
    # would take longer than the stop itself. What programs rely on is done: exit handlers, flushes.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1  # Nobody reads the output any more.
    os._exit(code)


def _run(main: Mapping[str, Any]) -> int:
    for number in STOP_SIGNALS:
        signal.signal(number, _stop_early)
    try:
        catalogue.check()
        settings = resolve(os.environ, catalogue.agent)
    except (ClashError, SettingError) as error:
        return fail(str(error))
    if not _can_start_threads():
        return fail(
            f"Python {platform.python_version()} starts no threads once its main module has ended; "
            "use a later release of it"
        )
    start_logging(settings.log_level)
    # FastMCP is loaded from here on.
    from mesh.serving.agent import StartError, serve

    try:
        serve(settings, catalogue, main)
    except StartError as error:
        return fail(str(error))
    return 0


def _can_start_threads() -> bool:
    """The first releases of Python 3.12 refuse, which later ones mended."""
    if sys.version_info[:2] != (3, 12):
        return True
    try:
        thread = threading.Thread(target=int)
        thread.start()
    except RuntimeError:
        return False
    thread.join()
    return True


def _stop_early(_number: int, _frame: FrameType | None) -> None:
    """Before the agent serves there is nothing to hand over."""
    raise SystemExit(0)


def fail(message: str) -> int:
    """Says why the agent does not start; the exit code."""
    sys.stderr.write(f"mesh: {message}\n")
    return 1
