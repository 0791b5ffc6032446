"""One function's requests to its provider: how they are made, and how their answers are read."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh.asking.answers import Shape, check_whole, shape_of
from mesh.asking.contexts import MeshContextModel, merged, values
from mesh.asking.mesh_llm_agent import ContextMode, Message
from mesh.asking.messages import conversation, with_parts, with_system, with_tools
from mesh.asking.meta import LlmMeta, with_meta
from mesh.asking.overrides import LlmOverrides
from mesh.asking.prompts import DEFAULT, Prompt, prompt_of
from mesh.declaring.catalogue import ToolDeclaration
from mesh.declaring.llm import LlmFunction
from mesh.thinking.wire import DEFAULT_MAX_ITERATIONS, LlmAnswer, MeshLlmRequest, tool

# A parameter of one of these names is the context when none is declared.
CONTEXT_NAMES = ("prompt_context", "llm_context", "context")
# Unless it is one of these, which merely happens to be called so.
PLAIN = (str, int, float, bool, bytes)


@dataclass(frozen=True, slots=True)
class Question:
    """What one call asks."""

    message: str | Sequence[Message]
    # The parts that show its media.
    parts: Sequence[Mapping[str, Any]]
    context: Any
    context_mode: ContextMode
    params: Mapping[str, Any]


class Requests:
    """The requests of one function under `@mesh.llm`. Raises `PromptError` when it is made."""

    def __init__(self, declaration: ToolDeclaration, overrides: LlmOverrides) -> None:
        declared = declaration.llm
        if declared is None:
            raise ValueError(f"`{declaration.name}` is not under @mesh.llm")
        self.function_id = declared.function_id(declaration.name)
        self._declared = declared
        self._model = overrides.model or declared.model
        self._max_iterations = overrides.max_iterations or declared.max_iterations
        self._prompt: Prompt | None = prompt_of(declaration)
        returned = declaration.signature.visible.return_annotation
        self.shape: Shape = shape_of(
            returned if declared.response_model is None else declared.response_model
        )
        self.context_param = _context_param(declaration, declared)
        self._where = f"`{self.context_param}` of `{declaration.name}`"

    def request(
        self,
        question: Question,
        own: tuple[str | None, Any],
        tools: Sequence[Mapping[str, Any]],
        *,
        is_stream: bool,
    ) -> dict[str, Any]:
        """The argument `request` of the provider's tool. `own` is the prompt that replaces the
        declared one, and what the context's parameter holds."""
        prompt, context = own
        messages = conversation(question.message)
        messages = with_system(messages, self._system(prompt, context, question), DEFAULT)
        if tools:
            messages = with_tools(messages, at_once=self._declared.parallel_tool_calls)
        described = [
            tool(each["name"], each.get("description"), each.get("inputSchema"), each["endpoint"])
            for each in tools
        ]
        return MeshLlmRequest(
            messages=with_parts(messages, question.parts),
            tools=described or None,
            model_params=self._params(question.params, is_stream=is_stream) or None,
        ).to_wire()

    def result(self, answer: LlmAnswer, meta: LlmMeta) -> Any:
        """What the function gets for an answer."""
        return with_meta(self.shape.read(answer), meta)

    def check(self, answer: LlmAnswer, question: Question) -> None:
        """Raises the error that an answer stands for, if it does."""
        check_whole(answer, (self.function_id, self.limit(question)))

    def limit(self, question: Question) -> int:
        """How often the model may be asked for one answer."""
        asked = question.params.get("max_iterations")
        if isinstance(asked, int) and not isinstance(asked, bool) and asked > 0:
            return asked
        return self._max_iterations or DEFAULT_MAX_ITERATIONS

    @property
    def runs_tools_at_once(self) -> bool:
        """Whether tools may run beside each other."""
        return self._declared.parallel_tool_calls

    def _system(self, prompt: str | None, context: Any, question: Question) -> str | None:
        if prompt is not None or self._prompt is None:
            return prompt
        own = values(context, self._where)
        added = values(question.context, "`context`")
        mode: ContextMode = question.context_mode if question.context is not None else "append"
        return self._prompt.render(merged(own, added, mode))

    def _params(self, params: Mapping[str, Any], *, is_stream: bool) -> dict[str, Any]:
        declared = self._declared
        merged_params: dict[str, Any] = {**declared.params}
        if self._model is not None:
            merged_params["model"] = self._model
        if self.shape.schema is not None and not is_stream:
            merged_params["output_schema"] = self.shape.schema
            merged_params["output_type_name"] = self.shape.name
        if declared.output_mode is not None:
            merged_params["output_mode"] = declared.output_mode
        if declared.parallel_tool_calls:
            merged_params["parallel_tool_calls"] = True
        if self._max_iterations is not None:
            merged_params["max_iterations"] = self._max_iterations
        return {**merged_params, **params}


def _context_param(declaration: ToolDeclaration, declared: LlmFunction) -> str | None:
    if declared.context_param is not None:
        return declared.context_param
    parameters = declaration.signature.visible.parameters
    for name, parameter in parameters.items():
        if _is_context(parameter.annotation):
            return name
    named = (name for name in CONTEXT_NAMES if name in parameters)
    return next((name for name in named if parameters[name].annotation not in PLAIN), None)


def _is_context(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, MeshContextModel)
    # `Context | None`, `Annotated[Context, …]`; of a list of contexts there is no one context.
    if typing.get_origin(annotation) in (list, dict, tuple, set):
        return False
    return any(_is_context(each) for each in typing.get_args(annotation))
