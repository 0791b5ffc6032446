"""What the decorators check, record and return."""

import asyncio
import importlib
from pathlib import Path
from typing import Any

import pytest

import mesh
from mesh.declaring.catalogue import Catalogue, ClashError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "name must be a non-empty string, got ''"),
        ({"name": None}, "name must be a non-empty string, got None"),
        ({"name": 3}, "name must be a non-empty string, got 3"),
        ({"name": "a", "version": 1}, "version must be a string, got 1"),
        ({"name": "a", "description": 1}, "description must be a string, got 1"),
        ({"name": "a", "http_host": 1}, "http_host must be a string, got 1"),
        ({"name": "a", "http_port": 65536}, "http_port must be a whole number from 0 to 65535"),
        ({"name": "a", "http_port": "80"}, "http_port must be a whole number"),
        ({"name": "a", "http_port": True}, "http_port must be a whole number"),
        ({"name": "a", "enable_http": "no"}, "enable_http must be a bool, got 'no'"),
        ({"name": "a", "namespace": 1}, "namespace must be a string"),
        ({"name": "a", "heartbeat_interval": 0}, "heartbeat_interval must be a whole number of at"),
        ({"name": "a", "health_check": 1}, "health_check must be callable"),
        ({"name": "a", "health_check_ttl": 0}, "health_check_ttl must be a whole number"),
        ({"name": "a", "startup_check": 1}, "startup_check must be callable"),
        ({"name": "a", "auto_run": 1}, "auto_run must be a bool"),
        ({"name": "a", "auto_run_interval": 0}, "auto_run_interval must be a whole number"),
    ],
)
def test_a_wrong_agent_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"@mesh\.agent at .*test_decorators\.py:\d+: {message}"):
        mesh.agent(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capability": 3}, "capability must be a non-empty string, got 3"),
        ({"capability": ""}, "capability must be a non-empty string, got ''"),
        ({"tags": "fast"}, "tags must be a list of strings, got 'fast'"),
        ({"tags": [1]}, "tags must be a list of strings"),
        ({"version": 1}, "version must be a non-empty string, got 1"),
        ({"description": 1}, "description must be a string, got 1"),
        ({"output_schema_strict": 1}, "output_schema_strict must be a bool"),
        ({"task": "yes"}, "task must be a bool"),
        ({"team": object()}, "team must be what JSON can express, got <object"),
        ({"limit": float("nan")}, "limit must be what JSON can express, got nan"),
    ],
)
def test_a_wrong_tool_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"@mesh\.tool at .*test_decorators\.py:\d+: {message}"):
        mesh.tool(**arguments)


def test_the_agent_decorator_returns_its_target_with_its_metadata(
    empty_catalogue: Catalogue,
) -> None:
    @mesh.agent(name="greeter", version="2.0.0", team="blue")
    class Greeter: ...

    assert isinstance(Greeter, type)
    assert Greeter._mesh_agent_metadata["name"] == "greeter"
    assert Greeter._mesh_agent_metadata["team"] == "blue"
    assert empty_catalogue.agent is not None
    assert empty_catalogue.agent.version == "2.0.0"


def test_a_second_agent_is_refused_and_both_places_are_named() -> None:
    @mesh.agent(name="one")
    class One: ...

    with pytest.raises(ValueError, match=r"`one` is declared at .*py:\d+, `two` at .*py:\d+"):

        @mesh.agent(name="two")
        class Two: ...


def test_two_functions_cannot_be_one_tool() -> None:
    @mesh.tool("a")
    def greet() -> str:
        return "a"

    with pytest.raises(
        ValueError, match=r"both the tool `greet`: one is at .*py:\d+, the other at .*py:\d+"
    ):

        @mesh.tool("b")
        def greet() -> str:
            return "b"


def test_the_same_lines_may_come_again_and_the_later_one_counts(
    empty_catalogue: Catalogue,
) -> None:
    def declare() -> Any:
        @mesh.tool("a")
        def greet() -> str:
            return "a"

        return greet

    declare()
    later = declare()
    assert empty_catalogue.tools["greet"].wrapper is later


def test_the_decorator_needs_parentheses() -> None:
    with pytest.raises(ValueError, match=r"write @mesh\.tool\(\)"):

        @mesh.tool
        def greet() -> str:
            return "a"


def test_a_class_is_no_tool() -> None:
    with pytest.raises(ValueError, match=r"@mesh\.tool at .*py:\d+: decorates functions"):

        @mesh.tool("a")
        class Greeter: ...


class Called(asyncio.CancelledError): ...


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": 1}, "task must be a bool"),
        ({"task": True, "resume_cursor": 1}, "resume_cursor must be a bool"),
        ({"resume_cursor": True}, "resume_cursor needs task=True"),
        ({"retry_on": (OSError,)}, "retry_on needs task=True"),
        ({"task": True, "retry_on": OSError}, "retry_on must be a tuple of exception classes"),
        ({"task": True, "retry_on": [OSError]}, "retry_on must be a tuple of exception classes"),
        ({"task": True, "retry_on": (int,)}, "retry_on must be a tuple of exception classes"),
        ({"task": True, "retry_on": (Called,)}, "ends a program or a task, and Called does"),
        ({"task": True, "retry_on": (SystemExit,)}, "ends a program or a task, and SystemExit"),
    ],
)
def test_the_arguments_of_tasks_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mesh.tool("slow", **arguments)


def test_a_task_is_async_def_and_has_one_job(empty_catalogue: Catalogue) -> None:
    with pytest.raises(ValueError, match="`wait` is not: write `async def`"):

        @mesh.tool("slow", task=True)
        def wait(job: mesh.MeshJob = None) -> None: ...

    with pytest.raises(ValueError, match=r"2 MeshJob parameters \(one, two\); it may have one"):

        @mesh.tool("slow", task=True)
        async def both(one: mesh.MeshJob = None, two: mesh.MeshJob = None) -> None: ...

    @mesh.tool("slow", task=True, retry_on=(OSError, TimeoutError), resume_cursor=True)
    async def slow(job: mesh.MeshJob = None) -> None: ...

    task = empty_catalogue.tools["slow"].task
    assert task is not None
    assert (task.retry_on, task.resume_cursor) == ((OSError, TimeoutError), True)


def test_switched_off_decorators_are_inert(
    monkeypatch: pytest.MonkeyPatch, empty_catalogue: Catalogue
) -> None:
    monkeypatch.setenv("MCP_MESH_ENABLED", "false")

    def greet() -> str:
        return "a"

    assert mesh.tool("a")(greet) is greet

    @mesh.agent(name="one")
    class One: ...

    assert One._mesh_agent_metadata["name"] == "one"
    assert empty_catalogue.agent is None
    assert not empty_catalogue.tools


def test_strict_mode_refuses_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MESH_STRICT_DI", "1")
    with pytest.raises(mesh.StrictDIError, match="declares 1 dependencies"):

        @mesh.tool("a", dependencies=["b"])
        def greet(name: str) -> str:
            return name


def test_several_agents_are_imported_by_one_test_and_refused_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_catalogue: Catalogue
) -> None:
    for name in ("first_agent", "second_agent"):
        (tmp_path / f"{name}.py").write_text(
            "import mesh\n"
            "@mesh.tool('greet')\n"
            f"def greet(): return '{name}'\n"
            f"mesh.agent(name='{name.replace('_', '-')}')(type('A', (), {{}}))\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    modules = [importlib.import_module(name) for name in ("first_agent", "second_agent")]
    assert [module.greet() for module in modules] == ["first_agent", "second_agent"]
    with pytest.raises(ClashError, match=r"tool `greet`: one is at .*first.*, the other at .*sec"):
        empty_catalogue.check()
