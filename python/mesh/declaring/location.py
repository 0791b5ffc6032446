"""Where something is declared."""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(frozen=True, slots=True)
class Location:
    """A line of a program."""

    file: str
    line: int

    @classmethod
    def of_function(cls, function: Any) -> Location:
        """Where a function stands, whatever wraps it."""
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is None:
            return cls(f"{function.__module__}.{function.__qualname__}", 0)
        return cls(os.path.realpath(code.co_filename), code.co_firstlineno)

    @classmethod
    def of_program(cls) -> Location:
        """Where the program stands that has called this package."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and _is_ours(frame):
            frame = frame.f_back
        if frame is None:
            return UNKNOWN
        return cls(os.path.realpath(frame.f_code.co_filename), frame.f_lineno)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


UNKNOWN = Location("<unknown>", 0)


def _is_ours(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return name == "mesh" or name.startswith("mesh.")
