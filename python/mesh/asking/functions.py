"""The functions of a running agent that ask an LLM."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mesh.asking.overrides import LlmOverrides
from mesh.declaring.signatures import Kind

if TYPE_CHECKING:
    from mesh.asking.request import Requests
    from mesh.declaring.catalogue import ToolDeclaration

logger = logging.getLogger("mesh")


def check_functions(declarations: Iterable[ToolDeclaration]) -> None:
    """Looks at what functions declare before they are called; raises `PromptError`."""
    from mesh.asking.prompts import prompt_of

    for declaration in declarations:
        prompt_of(declaration)
        asking = [each.name for each in declaration.signature.extras if each.kind is Kind.LLM]
        if asking and declaration.llm is None:
            logger.warning(
                "`%s` of tool `%s` stays None: the tool is not under @mesh.llm",
                asking[0],
                declaration.name,
            )


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
