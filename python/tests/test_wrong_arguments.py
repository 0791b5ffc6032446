"""Each wrong argument of each decorator is named with its value and a cure, and with the place."""

import inspect
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

import mesh

APP = FastAPI()
PROVIDER = {"capability": "llm"}
# By decorator: how it is applied with some arguments, and those that it cannot do without.
DECORATORS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "@mesh.agent": (mesh.agent, {"name": "a"}),
    "@mesh.tool": (mesh.tool, {"task": True}),
    "@mesh.route": (mesh.route, {}),
    "@mesh.llm": (mesh.llm, {"provider": PROVIDER}),
    "@mesh.llm_provider": (mesh.llm_provider, {"model": "openai/x"}),
    "@mesh.a2a": (mesh.a2a, {"path": "/x"}),
    "@mesh.a2a.mount": (mesh.a2a.mount, {"app": APP, "path": "/x"}),
    "@mesh.a2a_consumer": (mesh.a2a_consumer, {"capability": "x", "a2a_url": "http://x"}),
    "@mesh.service": (mesh.service, {}),
    "@mesh.selector": (mesh.selector, {"capability": "x"}),
}
# By kind of argument: values that are none, and the words that say what they should be.
TEXT = ([1, b"x", ["x"]], "a string")
NAME = (["", "  ", 1, None], "a non-empty string")
FLAG = ([1, "yes"], "a bool")
COUNT = ([0, -1, 1.5, "1", True], "a whole number of at least 1")
CALL = ([1, "f"], "callable")
TEXTS = (["x", [1], {"x": 1}], "a list of strings")
SECONDS = ([0, -1, "1", True], "a number of seconds above 0")
DEPENDENCIES = ([{"capability": "x"}, "x", 3], "a list of capability names or dictionaries")
WRONG: dict[str, dict[str, tuple[list[Any], str]]] = {
    "@mesh.agent": {
        "name": NAME,
        "version": TEXT,
        "description": TEXT,
        "http_host": TEXT,
        "http_port": ([-1, 65536, "80", True], "a whole number from 0 to 65535"),
        "enable_http": FLAG,
        "namespace": TEXT,
        "heartbeat_interval": COUNT,
        "health_check": CALL,
        "health_check_ttl": COUNT,
        "startup_check": CALL,
        "auto_run": FLAG,
        "auto_run_interval": COUNT,
    },
    "@mesh.tool": {
        "capability": (["", 1], "a non-empty string"),
        "tags": TEXTS,
        "version": NAME,
        "dependencies": DEPENDENCIES,
        "description": TEXT,
        "output_schema_strict": FLAG,
        "task": FLAG,
        "retry_on": ([OSError, (1,)], "a tuple of exception classes"),
        "resume_cursor": FLAG,
        "other": ([{1}, float("nan")], "what JSON can express"),
    },
    "@mesh.route": {"dependencies": DEPENDENCIES},
    "@mesh.llm": {
        "filter": ([1, [1]], "a capability's name, a selector"),
        "filter_mode": (["some", 1], "one of 'all', 'best_match', '*'"),
        "provider": ([1, "openai/x", None], "a dictionary such as"),
        "model": TEXT,
        "max_iterations": COUNT,
        "system_prompt": TEXT,
        "system_prompt_file": TEXT,
        "context_param": TEXT,
        "parallel_tool_calls": FLAG,
        "output_mode": (["json", 1], "one of 'strict', 'hint', 'text'"),
        "temperature": ([{1}], "what JSON can express"),
    },
    "@mesh.llm_provider": {
        "model": NAME,
        "capability": NAME,
        "tags": TEXTS,
        "version": NAME,
    },
    "@mesh.a2a": {
        "path": (["", "x", "/", 1, None], ""),
        "dependencies": DEPENDENCIES,
        "description": TEXT,
        "skill_id": TEXT,
        "skill_name": TEXT,
        "input_modes": TEXTS,
        "output_modes": TEXTS,
        "tags": TEXTS,
        "auth": (["basic", 1], "None or 'bearer'"),
    },
    "@mesh.a2a_consumer": {
        "capability": NAME,
        "a2a_url": (["x", "ftp://x", 1], "a URL such as"),
        "a2a_skill_id": TEXT,
        "tags": TEXTS,
        "auth": (["token", 1], "an A2ABearer"),
        "version": NAME,
        "description": TEXT,
        "timeout": SECONDS,
        "poll_interval": SECONDS,
        "poll_interval_max": SECONDS,
    },
    "@mesh.service": {"min_available": ([-1, 1.5, "1", True], "a whole number of at least 0")},
    "@mesh.selector": {
        "capability": (["", 1, None], "a non-empty string"),
        "tags": (["x", 1], "a list of strings"),
        "version": ([1], "a constraint such as"),
        "required": ([1, "yes"], "a bool"),
        "match_mode": (["loose"], "'subset' or 'strict'"),
    },
}
WRONG["@mesh.a2a.mount"] = {"app": ([1, None], "a FastAPI application"), **WRONG["@mesh.a2a"]}
# What a selector may get wrong, wherever it stands.
SELECTORS = [
    (1, "dependencies[0] must be a capability name or a dictionary, got int"),
    ("", "dependencies[0]: capability must be a non-empty string, got ''"),
    ({}, "dependencies[0]: capability must be a non-empty string, got None"),
    ({"capability": "x", "tags": "y"}, "dependencies[0]: tags must be a list of strings, got 'y'"),
    ({"capability": "x", "tags": [1]}, "dependencies[0]: a tag must be a string or a list of"),
    ({"capability": "x", "version": 1}, "dependencies[0]: version must be a constraint such as"),
    ({"capability": "x", "required": 1}, "dependencies[0]: required must be a bool, got 1"),
    ({"capability": "x", "match_mode": "x"}, "dependencies[0]: match_mode must be 'subset' or"),
]

CASES = [
    pytest.param(decorator, name, value, allowed, id=f"{decorator}-{name}-{value!r:.20}")
    for decorator, arguments in WRONG.items()
    for name, (values, allowed) in arguments.items()
    for value in values
]


def place(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The line of this file that the error comes from."""
    here = [entry for entry in error.traceback if str(entry.path) == __file__]
    return f"{__file__}:{here[-1].lineno + 1}"


@pytest.mark.parametrize(("decorator", "name", "value", "allowed"), CASES)
def test_a_wrong_argument_is_named_with_its_place(
    decorator: str, name: str, value: Any, allowed: str
) -> None:
    apply, needed = DECORATORS[decorator]
    with pytest.raises((ValueError, TypeError)) as caught:
        apply(**{**needed, name: value})
    text = str(caught.value)
    assert text.startswith(f"{decorator} at {place(caught)}: "), text
    said = text.partition(": ")[2]
    assert re.search(rf"\b{name}\b", said), text
    assert allowed in said, text
    shown = {repr(value), type(value).__name__, repr(value[0]) if isinstance(value, list) else ""}
    assert any(each and each in said for each in shown), text


def test_every_argument_of_every_decorator_is_in_the_table() -> None:
    # What can be anything: a type of the author's.
    anything = {
        "@mesh.llm": {"response_model"},
        "@mesh.selector": {"expected_type"},
    }
    for decorator, (apply, _) in DECORATORS.items():
        kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(apply).parameters.values()
        names = {each.name for each in parameters if each.kind in kinds} - {"arg"}
        assert names - WRONG[decorator].keys() == anything.get(decorator, set()), decorator


@pytest.mark.parametrize("decorator", ["@mesh.tool", "@mesh.route", "@mesh.a2a"])
@pytest.mark.parametrize(("selector", "message"), SELECTORS)
def test_a_wrong_selector_is_named_with_its_place(
    decorator: str, selector: Any, message: str
) -> None:
    apply, needed = DECORATORS[decorator]
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        apply(**needed, dependencies=[selector])
    assert str(caught.value).startswith(f"{decorator} at {place(caught)}: {message}")


@pytest.mark.parametrize("decorator", DECORATORS)
def test_an_unknown_argument_is_named_or_passed_on(
    decorator: str, caplog: pytest.LogCaptureFixture
) -> None:
    apply, needed = DECORATORS[decorator]
    known = next(name for name in WRONG[decorator] if len(name) > 3 and name not in needed)
    slip = known[:-2] + known[-1]
    takes_others = any(
        each.kind is each.VAR_KEYWORD for each in inspect.signature(apply).parameters.values()
    )
    if not takes_others:
        with pytest.raises(TypeError) as caught:
            apply(**needed, **{slip: "x"})
        assert str(caught.value) == (
            f"{decorator} at {place(caught)}: there is no argument `{slip}`; did you mean "
            f"`{known}`?"
        )
        with pytest.raises(TypeError, match=r"no argument `entirely_else`; it has `"):
            apply(**needed, entirely_else=1)
        return
    with caplog.at_level(logging.WARNING, logger="mesh"):
        apply(**needed, **{slip: "x"})
        apply(**needed, entirely_else="x")
    (warning,) = [each.getMessage() for each in caplog.records]
    assert warning.startswith(f"{decorator} at {__file__}:")
    assert warning.endswith(
        f"`{slip}` is none of its own arguments and is passed on; did you mean `{known}`?"
    )


@pytest.mark.parametrize(
    "decorator",
    [name for name, (_, needed) in DECORATORS.items() if needed and name != "@mesh.tool"],
)
def test_a_missing_argument_is_named_with_its_place(decorator: str) -> None:
    apply, needed = DECORATORS[decorator]
    needed = {name: value for name, value in needed.items() if name == "app"}
    with pytest.raises(TypeError) as caught:
        apply(**needed)
    assert str(caught.value).startswith(f"{decorator} at {place(caught)}: missing a required")


def test_an_unknown_key_of_a_selector_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="mesh"):
        mesh.tool(dependencies=[{"capability": "x", "tag": ["y"], "colour": "red"}])
        mesh.llm({"capability": "x", "tag": ["y"]}, provider=PROVIDER)
    said = [each.getMessage().partition(": ")[2] for each in caplog.records]
    assert said == [
        "dependencies[0]: the unknown key `colour` is ignored",
        "dependencies[0]: the unknown key `tag` is ignored; did you mean `tags`?",
        "filter: the unknown key `tag` is ignored; did you mean `tags`?",
    ]


class NoFunction: ...


def undecorated(*_args: Any, **_kwargs: Any) -> None: ...


@pytest.mark.parametrize(
    ("decorator", "target"),
    [
        ("@mesh.tool", NoFunction),
        ("@mesh.route", NoFunction),
        ("@mesh.llm", NoFunction),
        ("@mesh.llm_provider", NoFunction),
        ("@mesh.a2a", NoFunction),
        ("@mesh.a2a.mount", NoFunction),
        ("@mesh.service", undecorated),
    ],
)
def test_what_cannot_be_decorated_is_named_with_its_place(decorator: str, target: Any) -> None:
    apply, needed = DECORATORS[decorator]
    with pytest.raises(ValueError, match=re.escape(repr(target))) as caught:
        apply(**needed)(target)
    assert re.match(rf"{re.escape(decorator)} at {re.escape(__file__)}:\d+: ", str(caught.value))


def test_a_function_that_does_not_suit_is_named_where_it_stands(
    empty_catalogue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_jobs(one: mesh.MeshJob = None, two: mesh.MeshJob = None) -> None: ...

    def numbers() -> mesh.Stream[int]: ...

    async def asks_nobody(text: str) -> str: ...

    def takes_nothing() -> None: ...

    def unbalanced(one: mesh.McpMeshTool = None) -> None: ...

    monkeypatch.setenv("MCP_MESH_STRICT_DI", "true")
    for apply, function in [
        (mesh.tool(), two_jobs),
        (mesh.tool(), numbers),
        (mesh.tool(task=True), takes_nothing),
        (mesh.tool(), unbalanced),
        (mesh.route(), numbers),
        (mesh.llm(provider=PROVIDER), asks_nobody),
        (mesh.a2a(path="/x"), takes_nothing),
    ]:
        line = function.__code__.co_firstlineno
        with pytest.raises(ValueError, match=rf"^@mesh\.\w+ at {re.escape(__file__)}:{line}: "):
            apply(function)


def test_duplicates_tell_both_places(empty_catalogue: Any) -> None:
    both = rf"{re.escape(__file__)}:(\d+).*{re.escape(__file__)}:(\d+)"

    def declare(*pairs: tuple[Any, Any]) -> None:
        with pytest.raises(ValueError, match=both) as caught:
            for apply, target in pairs:
                apply(target)
        found = re.search(both, str(caught.value))
        assert found and found[1] != found[2]

    def greet() -> None: ...

    first = greet

    def greet() -> None: ...

    declare((mesh.tool(), first), (mesh.tool(), greet))

    def skill(message: Any) -> None: ...

    def other(message: Any) -> None: ...

    declare((mesh.a2a(path="/x"), skill), (mesh.a2a(path="/x"), other))
    mesh.agent(name="one")(NoFunction)
    with pytest.raises(ValueError, match=both):
        mesh.agent(name="two")(NoFunction)
