"""Headers and the trace travel through three agents, in both kinds of tools."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_process import call_with_headers
from chain import start_chain
from real_mesh import real_mesh

TRACE = "0123456789abcdef" * 2
SPAN = "fedcba9876543210"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the first of three agents in a row."""
    folder: Path = tmp_path_factory.mktemp("chain")
    with real_mesh(folder) as agents:
        yield start_chain(agents, propagate_headers="x-tenant,x-app-*")


def test_headers_and_the_trace_reach_the_last_of_three_agents(front: str) -> None:
    headers = {
        "X-Trace-ID": TRACE,
        "X-Parent-Span": SPAN,
        "X-Tenant": "blue",
        "X-App-Id": "7",
        "Authorization": "secret",
    }
    outcome, answered = call_with_headers(front, "front", headers, {"word": "hi"})
    assert outcome["structuredContent"]["result"] == {
        "word": "HI",
        "trace": TRACE,
        "headers": {"x-tenant": "blue", "x-app-id": "7"},
    }
    assert (answered["x-trace-id"], answered["x-span-id"]) == (TRACE, SPAN)


def test_a_request_without_a_trace_gets_none(front: str) -> None:
    outcome, answered = call_with_headers(front, "front", {}, {"word": "hi"})
    assert outcome["structuredContent"]["result"] == {"word": "HI", "trace": None, "headers": {}}
    assert "x-trace-id" not in answered
