"""The package itself: names, version, weight."""

import re
import subprocess
import sys

import pytest

import mcp_mesh
import mesh
import mesh.types


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_importing_and_declaring_loads_no_framework() -> None:
    loaded = run(
        "import sys, logging, os\n"
        "import mesh\n"
        "@mesh.tool('a', dependencies=['b'])\n"
        "async def f(x: str, dep: mesh.McpMeshTool = None) -> str: return x\n"
        "mesh.agent(name='a')(type('A', (), {}))\n"
        "print(*sys.modules, flush=True)\n"
        "assert not logging.getLogger().handlers\n"
        "os._exit(0)\n"
    ).split()
    assert not {"fastmcp", "pydantic", "httpx", "mcp", "uvicorn", "asyncio"} & set(loaded)


def test_importing_says_nothing_and_starts_no_thread() -> None:
    code = (
        "import mesh, mcp_mesh, threading; mesh.agent; mesh.tool; print(threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)


def test_the_version_is_one() -> None:
    from importlib.metadata import version

    assert mcp_mesh.__version__ == mesh.__version__ == version("mcp-mesh")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", mesh.__version__)


def test_the_public_names_are_there() -> None:
    assert mesh.McpMeshTool is mesh.types.McpMeshTool
    assert issubclass(mesh.McpMeshAgent, mesh.McpMeshTool)
    assert all(hasattr(mesh, name) for name in mesh.__all__)
    assert set(mesh.__all__) <= set(dir(mesh))


def test_the_types_are_also_in_a_module_of_their_own() -> None:
    from mesh import types

    for name in types.__all__:
        assert getattr(types, name) is getattr(mesh, name)
    with pytest.raises(AttributeError, match=r"'mesh.types' has no attribute 'tool'"):
        _ = types.tool


def test_defect_30_one_wheel_serves_every_python_and_brings_little() -> None:
    from importlib.metadata import distribution

    package = distribution("mcp-mesh")
    assert "Tag: cp311-abi3-" in (package.read_text("WHEEL") or "")
    files = [file for file in package.files or [] if file.suffix in {".py", ".so", ".pyi"}]
    assert not [file for file in files if "tests" in file.parts]
    needed = [each for each in package.requires or [] if "extra ==" not in each]
    assert len(needed) <= 5
    assert all(">=" in each and "<" in each for each in needed), "ranges, and no exact versions"


def test_an_unknown_name_is_an_ordinary_mistake() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'toool'"):
        _ = mesh.toool  # type: ignore[attr-defined]
    assert not hasattr(mesh, "nothing")
