"""Which tool, and which line of the program, a thread is at."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, FrameType
from typing import Any

from mesh.looping.kinds import OURS

# Where code stands that nobody who reads the log has written.
LIBRARIES = tuple(
    f"{path}{os.sep}"
    for path in (
        *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    )
)


def code_of(functions: Iterable[tuple[str, Callable[..., Any]]]) -> dict[CodeType, str]:
    """Names by the code of what they are names of, and of what decorators have wrapped in it."""
    names: dict[CodeType, str] = {}
    for name, function in functions:
        layer: Any = function
        while layer is not None and (code := getattr(layer, "__code__", None)) not in names:
            if code is not None:
                names[code] = name
            layer = getattr(layer, "__wrapped__", None)
    return names


def blamed(frame: FrameType, tools: Mapping[CodeType, str]) -> tuple[str | None, str | None]:
    """The tool that a thread runs, if it does, and the innermost line of the program's own code."""
    tool: str | None = None
    place: str | None = None
    each: FrameType | None = frame
    while each is not None and tool is None:
        tool = tools.get(each.f_code)
        if place is None and (tool is not None or not _is_library(each.f_code.co_filename)):
            place = f"{each.f_code.co_filename}:{each.f_lineno} in {each.f_code.co_name}"
        each = each.f_back
    return tool, place


def _is_library(file: str) -> bool:
    return file.startswith(("<", OURS, *LIBRARIES))
