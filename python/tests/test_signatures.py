"""Which parameters of a tool are injected, however they are annotated."""

import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any, Optional, Union

import postponed_annotations as postponed
import pytest

import mesh
from mesh.declaring.signatures import Kind, StrictDIError, analyse, check_counts
from mesh.types import McpMeshAgent, McpMeshTool


def first(dep: mesh.McpMeshTool = None, a: int = 0) -> None: ...
def required(a: int, dep: McpMeshTool) -> None: ...
def between(a: int, one: McpMeshTool = None, b: int = 0, two: McpMeshTool = None) -> None: ...
def former_name(dep: McpMeshAgent = None) -> None: ...
def union(dep: McpMeshTool | None = None) -> None: ...
def old_union(dep: Union[McpMeshTool, None] = None) -> None: ...  # noqa: UP007
def optional(dep: Optional[McpMeshTool] = None) -> None: ...  # noqa: UP045
def annotated(dep: Annotated[McpMeshTool | None, "text"] = None) -> None: ...
def text(dep: "mesh.McpMeshTool" = None) -> None: ...
def unresolvable(dep: "gone.McpMeshTool | None" = None) -> None: ...  # noqa: F821
def unresolvable_optional(dep: "gone.McpMeshAgent | None" = None) -> None: ...  # noqa: F821
def keyword_only(a: int, *, dep: McpMeshTool = None) -> None: ...
def a_list(deps: list[McpMeshTool]) -> None: ...
def unresolvable_list(deps: "list[gone.McpMeshTool]") -> None: ...  # noqa: F821
def none_at_all(a: int, dep: str = "") -> None: ...


@pytest.mark.parametrize(
    ("function", "injected"),
    [
        (first, ("dep",)),
        (required, ("dep",)),
        (between, ("one", "two")),
        (former_name, ("dep",)),
        (union, ("dep",)),
        (old_union, ("dep",)),
        (optional, ("dep",)),
        (annotated, ("dep",)),
        (text, ("dep",)),
        (unresolvable, ("dep",)),
        (unresolvable_optional, ("dep",)),
        (keyword_only, ("dep",)),
        (a_list, ()),
        (unresolvable_list, ()),
        (none_at_all, ()),
        (postponed.plain, ("dep",)),
        (postponed.by_name, ("dep",)),
        (postponed.optional, ("dep",)),
        (postponed.beside_an_unknown_name, ("dep",)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_injected_parameters(function: Callable[..., Any], injected: tuple[str, ...]) -> None:
    signature = analyse(function, 1)
    assert tuple(slot.name for slot in signature.slots) == injected
    visible = [name for name in inspect.signature(function).parameters if name not in injected]
    assert list(signature.visible.parameters) == visible


def test_postponed_annotations_are_resolved_for_fastmcp() -> None:
    visible = analyse(postponed.plain, 1).visible
    assert visible.parameters["a"].annotation is int
    assert visible.return_annotation is str


def test_a_single_untyped_parameter_receives_the_first_dependency(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def legacy(dep): ...

    with caplog.at_level(logging.WARNING, logger="mesh"):
        assert [slot.name for slot in analyse(legacy, 1).slots] == ["dep"]
    assert "untyped" in caplog.text
    assert analyse(legacy, 0).slots == ()


@pytest.mark.parametrize(
    ("injected", "dependencies", "message"),
    [
        (1, 2, "declares 2 dependencies and has parameters for 1"),
        (2, 1, "has 2 parameters for dependencies and declares 1 dependencies"),
    ],
)
def test_a_mismatch_warns_and_in_strict_mode_fails(
    injected: int, dependencies: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="mesh"):
        check_counts("f", injected, dependencies, strict=False)
    assert message in caplog.text
    with pytest.raises(StrictDIError, match=message):
        check_counts("f", injected, dependencies, strict=True)


def test_a_job_is_a_dependency_except_in_a_task() -> None:
    async def both(
        a: int, one: McpMeshTool = None, job: mesh.MeshJob | None = None, two: McpMeshTool = None
    ) -> None: ...

    submits = analyse(both, 3)
    assert [slot.name for slot in submits.slots] == ["one", "job", "two"]
    assert submits.extras == ()
    works = analyse(both, 2, is_task=True)
    assert [slot.name for slot in works.slots] == ["one", "two"]
    assert [(each.name, each.kind) for each in works.extras] == [("job", Kind.CONTROLLER)]
    assert list(submits.visible.parameters) == list(works.visible.parameters) == ["a"]
