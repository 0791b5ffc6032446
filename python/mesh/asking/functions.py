"""The functions of a running agent that ask an LLM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.asking.overrides import LlmOverrides

if TYPE_CHECKING:
    from mesh.asking.request import Requests
    from mesh.declaring.catalogue import ToolDeclaration


class LlmFunctions:
    """Makes what each function needs for its requests once, when it is first needed."""

    def __init__(self, overrides: LlmOverrides | None = None) -> None:
        self._overrides = overrides or LlmOverrides()
        self._made: dict[str, Requests] = {}

    def requests(self, declaration: ToolDeclaration) -> Requests:
        """How this function asks; it is one under `@mesh.llm`. Raises `PromptError`."""
        made = self._made.get(declaration.name)
        if made is None:
            # Loads pydantic and Jinja.
            from mesh.asking.request import Requests

            made = self._made[declaration.name] = Requests(declaration, self._overrides)
        return made
