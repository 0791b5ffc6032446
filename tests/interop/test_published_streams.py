"""Streams, services and traces between agents of the published package and ours, both ways."""

from pathlib import Path

import pytest
from mesh_harness import OUR_REGISTRY, OUR_VENV, UPSTREAM_VENV, Mesh


@pytest.mark.parametrize(
    ("teller", "listener"),
    [
        pytest.param(OUR_VENV, UPSTREAM_VENV, id="its-listener-our-teller"),
        pytest.param(UPSTREAM_VENV, OUR_VENV, id="our-listener-its-teller"),
        pytest.param(OUR_VENV, OUR_VENV, id="ours"),
    ],
)
def test_a_stream_is_heard_in_pieces_and_as_a_whole(
    mesh: Mesh, teller: Path, listener: Path
) -> None:
    mesh.start_registry(OUR_REGISTRY)
    mesh.start_agent("teller.py", teller)
    mesh.wait_for_agent("interop-teller")
    mesh.start_agent("listener.py", listener)
    heard = {
        "pieces": ["word 0, ", "word 1, "],
        "whole": "word 0, word 1, ",
        "note": {"text": "hi", "trace": "0" * 31 + "1"},
        "tools": ["note", "tell"],
    }
    mesh.wait_for_answer("interop-listener", "listen", heard, words=2)
