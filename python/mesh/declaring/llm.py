"""`@mesh.llm`: what a function asks of an LLM, and which tools that may use."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from mesh.declaring.arguments import Arguments
from mesh.declaring.places import declares, did_you_mean, warn
from mesh.declaring.selectors import parse_tags
from mesh.declaring.signatures import Kind, analyse

T = TypeVar("T")

FilterMode = Literal["all", "best_match", "*"]
FILTER_MODES = ("all", "best_match", "*")
OUTPUT_MODES = ("strict", "hint", "text")
# Where the declaration is kept until `@mesh.tool`, which may stand above, finds it.
ATTRIBUTE = "__mesh_llm__"


@dataclass(frozen=True, slots=True)
class Provider:
    """Which LLM provider a function asks for."""

    capability: str
    tags: tuple[str | tuple[str, ...], ...] = ()
    version: str = ""
    namespace: str = "default"


@dataclass(frozen=True, slots=True)
class LlmFunction:
    """The arguments of `@mesh.llm`."""

    provider: Provider
    # As in the decorator; None asks for no tools.
    filter: Any = None
    filter_mode: FilterMode = "all"
    model: str | None = None
    # None leaves it to the provider.
    max_iterations: int | None = None
    system_prompt: str | None = None
    # A type that the answer is parsed as, instead of what the function returns.
    response_model: Any = None
    context_param: str | None = None
    parallel_tool_calls: bool = False
    output_mode: str | None = None
    # Parameters of the model, such as its temperature.
    params: Mapping[str, Any] = field(default_factory=dict)
    # Tells this function from others of its name.
    mark: str = field(default_factory=lambda: os.urandom(4).hex())

    def function_id(self, name: str) -> str:
        """What the registry and errors call the function of this name."""
        return f"{name}_{self.mark}"


@declares("@mesh.llm")
def llm(
    filter: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None = None,  # noqa: A002  the name is part of the API
    *,
    filter_mode: str = "all",
    provider: Mapping[str, Any],
    model: str | None = None,
    max_iterations: int | None = None,
    system_prompt: str | None = None,
    system_prompt_file: str | None = None,
    response_model: Any = None,
    context_param: str | None = None,
    parallel_tool_calls: bool = False,
    output_mode: str | None = None,
    **params: Any,
) -> Callable[[T], T]:
    """Declares that a tool asks an LLM: its `mesh.MeshLlmAgent` parameter is filled in.

    `provider` selects who runs the model: `{"capability": "llm", "tags": ["+claude"]}`. `filter`
    selects the tools that the model may call, by capabilities, selectors, `"*"` for all, or a list
    of these; without one it calls none. `system_prompt` is a text, or a Jinja2 template when it is
    `file://…` or ends in `.jinja2` or `.j2`; the template sees what the parameter `context_param`
    holds, or the one that is a `mesh.MeshContextModel`. What the function returns decides what the
    answer is parsed as, unless `response_model` does. `params` go to the model.

    It stands above or below `@mesh.tool`. `MESH_LLM_MODEL`, `MESH_LLM_MAX_ITERATIONS` and
    `MESH_LLM_FILTER_MODE` win over the arguments. A provider that is no dictionary raises
    `TypeError`, other wrong arguments `ValueError`.
    """
    check = Arguments("@mesh.llm")
    check.plain(params)
    declared = LlmFunction(
        provider=_provider(check, provider),
        filter=_filter(check, filter),
        filter_mode=cast("FilterMode", _one_of(check, "filter_mode", filter_mode, FILTER_MODES)),
        model=check.text("model", model),
        max_iterations=check.integer("max_iterations", max_iterations, least=1),
        system_prompt=_prompt(check, system_prompt, system_prompt_file),
        response_model=response_model,
        context_param=check.text("context_param", context_param),
        parallel_tool_calls=check.flag("parallel_tool_calls", parallel_tool_calls) is True,
        output_mode=None
        if output_mode is None
        else _one_of(check, "output_mode", output_mode, OUTPUT_MODES),
        params=params,
    )

    def declare(target: T) -> T:
        # FastMCP can be told to return its own tool object from `@app.tool()`.
        function: Any = getattr(target, "fn", target)
        if not inspect.isroutine(function):
            raise ValueError(f"@mesh.llm decorates functions, got {target!r}")
        plain = inspect.unwrap(function)
        _check_parameters(plain, declared)
        setattr(plain, ATTRIBUTE, declared)
        tool = getattr(function, "__mesh_tool__", None)
        if tool is not None:
            tool.llm = declared
        return target

    return declare


def llm_of(function: Callable[..., Any]) -> LlmFunction | None:
    """What `@mesh.llm`, below, has declared for a function."""
    return getattr(inspect.unwrap(function), ATTRIBUTE, None)


def _check_parameters(function: Any, declared: LlmFunction) -> None:
    name = function.__name__
    signature = analyse(function, 0)
    if not any(each.kind is Kind.LLM for each in signature.extras):
        raise ValueError(
            f"@mesh.llm: `{name}` has no parameter for the LLM; give it one such as "
            "`llm: mesh.MeshLlmAgent = None`"
        )
    context = declared.context_param
    if context is not None and context not in signature.visible.parameters:
        raise ValueError(
            f"@mesh.llm: context_param is {context!r}, and `{name}` has no such parameter; "
            f"it has {', '.join(signature.visible.parameters) or 'none'}"
        )


def _provider(check: Arguments, value: Any) -> Provider:
    if not isinstance(value, Mapping):
        raise TypeError(
            f"{check.decorator}: provider must be a dictionary such as "
            f'{{"capability": "llm", "tags": ["+claude"]}}, got {value!r}'
        )
    _known("provider", value)
    version, namespace = value.get("version"), value.get("namespace")
    return Provider(
        capability=check.name("provider['capability']", value.get("capability")),
        tags=parse_tags(value.get("tags"), f"{check.decorator}: provider"),
        version=check.text("provider['version']", version) or "",
        namespace=check.text("provider['namespace']", namespace) or "default",
    )


def _filter(check: Arguments, value: Any) -> Any:
    """The filter as it was written, once it is known to be one."""
    if callable(value):
        raise ValueError(f"{check.decorator} takes arguments: write @mesh.llm(provider={{…}})")
    if value is None:
        return None
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    for index, entry in enumerate(value if is_list else [value]):
        where = f"filter[{index}]" if is_list else "filter"
        if isinstance(entry, str) and entry:
            continue
        if not isinstance(entry, Mapping):
            allowed = "a capability's name, a selector such as {'tags': ['pdf']}, or a list of both"
            raise check.fail(where, allowed, entry)
        _known(where, entry)
        check.text(f"{where}['capability']", entry.get("capability"))
        check.text(f"{where}['version']", entry.get("version"))
        parse_tags(entry.get("tags"), f"{check.decorator}: {where}")
    return list(value) if is_list else value


def _known(where: str, selector: Mapping[str, Any]) -> None:
    known = {"capability", "tags", "version", "namespace"}
    for key in sorted(map(str, selector.keys() - known)):
        warn(f"{where}: the unknown key `{key}` is ignored{did_you_mean(key, known)}")


def _one_of(check: Arguments, name: str, value: object, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise check.fail(name, f"one of {', '.join(map(repr, allowed))}", value)
    return cast("str", value)


def _prompt(check: Arguments, text: object, file: object) -> str | None:
    path = check.text("system_prompt_file", file)
    prompt = check.text("system_prompt", text)
    if path is None:
        return prompt
    if prompt is not None:
        raise ValueError(
            f"{check.decorator}: system_prompt and system_prompt_file are both given; leave out "
            "system_prompt_file"
        )
    warn(
        "system_prompt_file is deprecated; write "
        f"system_prompt='file://{path.removeprefix('file://')}'"
    )
    return path if path.startswith("file://") else f"file://{path}"
