"""What the environment says over `@mesh.llm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from mesh.declaring.llm import FILTER_MODES, FilterMode
from mesh.serving.environment import Environ, SettingError, read_integer, read_text


@dataclass(frozen=True, slots=True)
class LlmOverrides:
    """None leaves an argument as it is."""

    model: str | None = None
    max_iterations: int | None = None
    filter_mode: FilterMode | None = None


def read_overrides(environ: Environ) -> LlmOverrides:
    """Reads `MESH_LLM_…`; raises `SettingError`."""
    name = "MESH_LLM_FILTER_MODE"
    mode = read_text(environ, name)
    if mode is not None and mode not in FILTER_MODES:
        raise SettingError(name, mode, f"one of {', '.join(FILTER_MODES)}")
    return LlmOverrides(
        model=read_text(environ, "MESH_LLM_MODEL"),
        max_iterations=read_integer(environ, "MESH_LLM_MAX_ITERATIONS", default=0, least=1) or None,
        filter_mode=cast("FilterMode | None", mode),
    )
