"""System prompts: texts, and templates in files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mesh.declaring.catalogue import ToolDeclaration

# Without one of its own a function gets this.
DEFAULT = "You are a helpful assistant."
TEMPLATES = (".jinja2", ".j2")


class PromptError(ValueError):
    """A system prompt's template cannot be used, and the agent must not start with it."""


class Prompt(Protocol):
    """A system prompt."""

    def render(self, context: Mapping[str, Any]) -> str:
        """Its text."""


class Literal:
    """A prompt that is written where it is declared; braces in it are braces."""

    def __init__(self, text: str) -> None:
        self._text = text

    def render(self, context: Mapping[str, Any]) -> str:
        """The text, whatever the context."""
        del context
        return self._text


class Template:
    """A prompt in a file of its own, which may include files beside it."""

    def __init__(self, path: Path) -> None:
        from jinja2 import Environment, FileSystemLoader, TemplateError

        # A prompt is no HTML.
        environment = Environment(loader=FileSystemLoader(path.parent))  # noqa: S701
        self._path = path
        self._environment = environment
        try:
            environment.get_template(path.name)
        except (TemplateError, OSError, UnicodeDecodeError) as error:
            raise PromptError(f"{_place(path, error)}: {error}") from error

    def render(self, context: Mapping[str, Any]) -> str:
        """The file's text with the context filled in; what the context lacks is empty."""
        from jinja2 import TemplateError

        try:
            # Read anew when the file has changed.
            return self._environment.get_template(self._path.name).render(context)
        except TemplateError as error:
            raise PromptError(f"{_place(self._path, error)}: {error}") from error


def prompt_of(declaration: ToolDeclaration) -> Prompt | None:
    """The system prompt that a function declares, if it does.

    A template's path starts from where the agent runs, or else from the folder of its module.
    Raises `PromptError` for one that is not there or cannot be read.
    """
    declared = None if declaration.llm is None else declaration.llm.system_prompt
    if declared is None:
        return None
    name = declared.removeprefix("file://")
    if name == declared and not (name.endswith(TEMPLATES) and "\n" not in name):
        return Literal(declared)
    places = [place / name for place in (Path.cwd(), _folder(declaration))]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        looked = " and ".join(f"`{place}`" for place in dict.fromkeys(places))
        raise PromptError(
            f"the system prompt of `{declaration.name}` is the template `{name}`, which is not "
            f"there; looked for {looked}"
        )
    return Template(path.resolve())


def _folder(declaration: ToolDeclaration) -> Path:
    module = sys.modules.get(declaration.function.__module__)
    file = getattr(module, "__file__", None)
    return Path(file).parent if file else Path.cwd()


def _place(path: Path, error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return f"{path}:{line}" if line else str(path)
