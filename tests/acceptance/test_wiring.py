"""Who is wired to whom: items 1 to 9 and 12 of the registry's acceptance list."""

import hashlib
import json
import sqlite3
import time

import httpx
import pytest
from mesh_harness import wait_for
from wire import Json, Registry, agent, member, tool

PLACEHOLDER = {
    "agent_id": "",
    "capability": "missing",
    "endpoint": "",
    "function_name": "",
    "status": "unresolved",
}


def consumer(*dependencies: Json, agent_id: str = "report-1") -> Json:
    return agent(agent_id, tool("report", dependencies=list(dependencies)), port=9002)


def test_01_slots_answer_declarations_one_by_one(registry: Registry) -> None:
    registry.register(agent("clock-1", tool("time", "now", kwargs={"b": 1, "a": {"d": 1, "c": 2}})))
    answer = registry.register(consumer({"capability": "time"}, {"capability": "missing"}))
    assert answer["message"] == "Agent registered via heartbeat"
    assert answer["dependencies_resolved"] == {
        "report": [
            {
                "agent_id": "clock-1",
                "capability": "time",
                "endpoint": "http://127.0.0.1:9001",
                "function_name": "now",
                "kwargs": {"a": {"c": 2, "d": 1}, "b": 1},
                "status": "available",
            },
            PLACEHOLDER,
        ]
    }
    assert answer["llm_tools"] == {}
    assert "llm_providers" not in answer
    again = registry.register(consumer({"capability": "time"}, {"capability": "missing"}))
    assert again["message"] == "Agent updated via heartbeat"


def test_02_a_later_provider_reaches_its_consumer_by_one_202(registry: Registry) -> None:
    unresolved = registry.register(consumer({"capability": "time"}))
    assert unresolved["dependencies_resolved"]["report"][0]["status"] == "unresolved"
    registry.register(agent("clock-1", tool("time")))
    assert registry.ping("report-1") == 202
    answer = registry.register(consumer({"capability": "time"}))
    assert answer["dependencies_resolved"]["report"][0]["agent_id"] == "clock-1"
    assert registry.ping("report-1") == 200


def test_03_a_silent_provider_is_taken_out_and_revived_by_a_post(registry: Registry) -> None:
    registry.register(agent("clock-1", tool("time")))
    needs = consumer({"capability": "time"})
    registry.register(needs)

    def clock_is_unhealthy() -> bool:
        registry.ping("report-1")
        return registry.agent("clock-1")["status"] == "unhealthy"

    wait_for("clock-1 to be unhealthy", clock_is_unhealthy)
    assert registry.ping("clock-1") == 410
    assert registry.ping("report-1") == 202
    slot = registry.register(needs)["dependencies_resolved"]["report"][0]
    assert slot == {**PLACEHOLDER, "capability": "time"}

    registry.register(agent("clock-1", tool("time")))
    assert registry.ping("clock-1") in {200, 202}
    assert registry.ping("report-1") == 202
    slot = registry.register(needs)["dependencies_resolved"]["report"][0]
    assert slot["agent_id"] == "clock-1"


def test_04_leaving_is_idempotent(registry: Registry) -> None:
    registry.register(agent("clock-1", tool("time")))
    assert registry.leave("clock-1") == 204
    assert registry.leave("clock-1") == 204
    assert registry.leave("nobody-1") == 204
    assert registry.ping("clock-1") == 410
    assert registry.ping("nobody-1") == 410
    assert registry.agent("clock-1")["status"] == "unhealthy"


RANKINGS = {
    "equal ones go by id": ([("zeta", "1.0.0", []), ("alpha", "1.0.0", [])], {}, "alpha"),
    "the higher version wins": (
        [("a", "4.6.0", []), ("b", "4.7.0", []), ("c", "5.0.0", [])],
        {},
        "c",
    ),
    "a preferred tag beats a version": (
        [("a", "9.9.9", ["x"]), ("b", "1.0.0", ["x", "fast"])],
        {"tags": ["x", "+fast"]},
        "b",
    ),
    "an excluded tag excludes": (
        [("a", "9.0.0", ["beta"]), ("b", "1.0.0", [])],
        {"tags": ["-beta"]},
        "b",
    ),
    "a missing tag excludes": ([("a", "1.0.0", ["claude"])], {"tags": ["gpt"]}, ""),
    "a wanted tag": ([("a", "1.0.0", ["claude", "opus"])], {"tags": ["claude"]}, "a"),
    "a preferred tag is no must": (
        [("a", "1.0.0", ["claude", "sonnet"])],
        {"tags": ["claude", "+opus"]},
        "a",
    ),
    "a wanted tag does not outweigh an excluded one": (
        [("a", "1.0.0", ["claude", "experimental"])],
        {"tags": ["claude", "-experimental"]},
        "",
    ),
    "an exclusion that does not apply": ([("a", "1.0.0", ["claude"])], {"tags": ["-gpt"]}, "a"),
    "none of a group": (
        [("a", "1.0.0", ["llm"])],
        {"tags": ["llm", ["python", "typescript"]]},
        "",
    ),
    "no tags wanted": ([("a", "1.0.0", ["x"])], {}, "a"),
    "five points beat none": (
        [("a", "9.0.0", ["x"]), ("b", "1.0.0", ["x", "y"])],
        {"tags": ["x", ["y", "-z"]]},
        "b",
    ),
    "a score of ten beats one of five": (
        [("a", "9.9.9", ["llm", "py"]), ("b", "1.0.0", ["llm", "ts"])],
        {"tags": ["llm", ["py", "+ts"]]},
        "b",
    ),
    "one of a group is enough": (
        [("a", "9.0.0", ["llm"]), ("b", "1.0.0", ["llm", "python"])],
        {"tags": ["llm", ["python", "typescript"]]},
        "b",
    ),
    "a group of exclusions alone never matches": (
        [("a", "1.0.0", ["llm"])],
        {"tags": [["-x", "-y"]]},
        "",
    ),
    "at least": ([("a", "1.2.3", [])], {"version": ">=1.0.0"}, "a"),
    "anything": ([("a", "whatever", [])], {"version": ""}, "a"),
    "caret": ([("a", "2.0.0", [])], {"version": "^1.0.0"}, ""),
    "exact": ([("a", "4.6.1", [])], {"version": "4.6.0"}, ""),
    "tilde": ([("a", "4.6.1", [])], {"version": "~4.6.0"}, "a"),
    "a pre-release is not asked for": ([("a", "1.1.0-beta", [])], {"version": ">=1.0.0"}, ""),
    "either": ([("a", "3.1.0", [])], {"version": "1.x || >=3"}, "a"),
    "a range": ([("a", "2.2.9", [])], {"version": "1.2 - 2.3"}, "a"),
}


def test_05_the_better_provider_wins(registry: Registry) -> None:
    winners = {}
    for number, (case, (offers, wanted, _)) in enumerate(RANKINGS.items()):
        name = f"ranking_{number}"
        for agent_id, version, tags in offers:
            offer = tool(name, version=version, tags=tags)
            registry.register(agent(f"{agent_id}-{number}", offer))
        answer = registry.register(consumer({"capability": name, **wanted}))
        winners[case] = answer["dependencies_resolved"]["report"][0]["agent_id"].split("-")[0]
    assert winners == {case: winner for case, (_, _, winner) in RANKINGS.items()}


STRING = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
INTEGER = {"type": "object", "properties": {"name": {"type": "integer"}}, "required": ["name"]}
NUMBER = {"type": "object", "properties": {"name": {"type": "number"}}, "required": ["name"]}
WIDER = {**STRING, "properties": {**STRING["properties"], "more": {"type": "string"}}}
EMPTY = {"type": "object", "properties": {}}
NULLABLE = {
    **STRING,
    "properties": {"name": {"type": ["string", "null"]}},
}


def within(schema: Json) -> Json:
    """A list of objects, each of which has an object of `schema` inside."""
    inner = {"type": "object", "properties": {"inner": schema}, "required": ["inner"]}
    return {"type": "array", "items": inner}


SCHEMAS = {
    "more members do": ("subset", STRING, WIDER, True),
    "another type does not": ("subset", STRING, INTEGER, False),
    "an integer is a number": ("subset", NUMBER, INTEGER, True),
    "a number is no integer": ("subset", INTEGER, NUMBER, False),
    "nothing published does": ("subset", STRING, None, True),
    "nothing expected does": ("subset", None, INTEGER, True),
    "a required member must be there": ("subset", STRING, EMPTY, False),
    "a nested one too": ("subset", within(STRING), within(EMPTY), False),
    "what is nested may have more": ("subset", within(STRING), within(WIDER), True),
    "items of another type do not": (
        "subset",
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "integer"}},
        False,
    ),
    "a string is not a string or nothing": ("subset", NULLABLE, STRING, False),
    "strict is strict": ("strict", STRING, WIDER, False),
    "nothing published is not strict": ("strict", STRING, None, False),
    "the same is strict": ("strict", STRING, STRING, True),
}


def published(schema: Json) -> Json:
    """The pair of canonical form and hash, as an SDK computes it for a form that is canonical."""
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    return json.loads(text), "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_05_schemas_are_compared_when_asked_for(registry: Registry) -> None:
    fitting = {}
    for number, (case, (mode, expected, declared, _)) in enumerate(SCHEMAS.items()):
        offer = tool(f"person_{number}")
        if declared is not None:
            offer["outputSchemaCanonical"], offer["outputSchemaHash"] = published(declared)
        registry.register(agent(f"hr-{number}", offer))
        need = {"capability": f"person_{number}", "matchMode": mode}
        if expected is not None:
            need["expectedSchemaCanonical"], need["expectedSchemaHash"] = published(expected)
        slot = registry.register(consumer(need))["dependencies_resolved"]["report"][0]
        fitting[case] = slot["status"] == "available"
    assert fitting == {case: fits for case, (_, _, _, fits) in SCHEMAS.items()}


def test_06_what_a_provider_requires_decides_about_it(registry: Registry) -> None:
    a = consumer({"capability": "b"}, agent_id="a-1")
    b = agent("b-1", tool("b", dependencies=[{"capability": "c", "required": True}]))
    c = agent("c-1", tool("c"))
    registry.register(c)
    registry.register(b)
    assert registry.register(a)["dependencies_resolved"]["report"][0]["agent_id"] == "b-1"
    assert registry.capability("b-1", "b")["available"] is True

    assert registry.leave("c-1") == 204
    assert registry.ping("a-1") == 202, "although b-1 itself is there"
    assert registry.register(a)["dependencies_resolved"]["report"][0]["status"] == "unresolved"
    entry = registry.capability("b-1", "b")
    assert entry["available"] is False
    assert entry["unavailable_reason"].startswith("required dep 'c' un")

    registry.register(c)
    assert registry.ping("a-1") == 202
    assert registry.register(a)["dependencies_resolved"]["report"][0]["agent_id"] == "b-1"


def test_07_a_required_cycle_is_refused(registry: Registry) -> None:
    registry.register(agent("a-1", tool("a", dependencies=[{"capability": "b", "required": True}])))
    closing = agent("b-1", tool("b", dependencies=[{"capability": "a", "required": True}]))
    response = registry.post("/heartbeat", closing)
    assert response.status_code == 200
    answer = response.json()
    assert answer["status"] == "error"
    assert answer["message"].startswith("required dependency cycle: ")
    assert set(answer["message"].split(": ")[1].split(" → ")) == {"a", "b"}
    assert "b-1" not in [entry["id"] for entry in registry.get("/agents").json()["agents"]]


def test_08_tools_without_a_capability_only_consume(registry: Registry) -> None:
    registry.register(agent("clock-1", tool("time")))
    route = {"function_name": "GET:/x", "capability": "", "dependencies": [{"capability": "time"}]}
    internal = tool("__mesh_job_status", kwargs={"framework_internal": True})
    answer = registry.register(agent("api-1", route, internal, agent_type="api"))
    assert answer["dependencies_resolved"]["GET:/x"][0]["agent_id"] == "clock-1"
    listed = [entry["name"] for entry in registry.agent("api-1")["capabilities"]]
    assert listed == ["__mesh_job_status"]


def test_09_the_same_body_has_the_same_answer(registry: Registry) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    for number in range(3):
        offered = [tool("calc", f"calc_{n}", inputSchema=schema, tags=["x"]) for n in range(3)]
        model = tool("llm", inputSchema=schema, kwargs={"vendor": "v", "a": 1}, tags=["model"])
        registry.register(agent(f"calc-{number}", *offered, model, port=9100 + number))
    chat = tool(
        "chat",
        inputSchema=schema,
        dependencies=[{"capability": "calc", "tags": ["+x"]}],
        llm_filter={"filter": [{"capability": "calc"}], "filter_mode": "all"},
        llm_provider={"capability": "llm", "tags": ["model"]},
    )
    first = registry.post("/heartbeat", agent("chat-1", chat))
    second = registry.post("/heartbeat", agent("chat-1", chat))
    for name in ("dependencies_resolved", "llm_tools", "llm_providers"):
        assert member(first, name) == member(second, name)
    assert len(first.json()["llm_tools"]["chat"]) == 3, "functions of one name collapse"
    assert first.json()["llm_providers"]["chat"]["vendor"] == "v"


@pytest.mark.ours_only
def test_12_a_lost_database_is_503_and_un_wires_nobody(registry: Registry) -> None:
    clock, report = agent("clock-1", tool("time")), consumer({"capability": "time"})
    registry.register(clock)
    before = registry.register(report)["dependencies_resolved"]
    assert registry.ping("report-1") == 200
    database = registry.mesh.home / "registry.db"
    aside = database.with_suffix(".aside")
    database.rename(aside)
    try:
        # Nobody asks for anything that needs the database: the registry notices by itself.
        wait_for("a ping to be refused", lambda: registry.ping("clock-1") == 503)
        for description in (agent("late-1", tool("late")), clock, report):
            refused = registry.post("/heartbeat", description)
            assert refused.status_code == 503, refused.text
            assert refused.json()["error"] == "the store does not answer"
            assert refused.json()["hint"]
        assert registry.get("/ready").status_code == 503
        assert registry.get("/health").status_code == 200
        # For longer than an agent may be silent: whoever is told 503 was heard, and stays wired.
        for _ in range(10):
            assert registry.ping("clock-1") == 503
            assert registry.ping("report-1") == 503
            assert registry.ping("late-1") == 410
            time.sleep(0.5)
        assert registry.agent("clock-1")["status"] == "healthy"
        assert registry.agent("report-1")["dependencies_resolved"] == 1
    finally:
        aside.rename(database)
    wait_for("a ping to be answered", lambda: registry.ping("clock-1") == 200)
    assert registry.ping("report-1") == 200
    assert registry.get("/ready").status_code == 200
    assert registry.register(report)["dependencies_resolved"] == before
    registry.register(agent("late-1", tool("late")))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as look:
        stored = {row[0] for row in look.execute("SELECT agent_id FROM agents")}
    assert stored == {"clock-1", "report-1", "late-1"}


def test_15_an_unknown_path_or_method_is_404_in_plain_text(registry: Registry) -> None:
    for method, path in (("GET", "/nowhere"), ("PUT", "/heartbeat"), ("PATCH", "/agents")):
        response = registry.http.request(method, path)
        assert (response.status_code, response.text) == (404, "404 page not found")


def test_15_what_is_no_registration_is_400(registry: Registry) -> None:
    def refused(body: bytes) -> httpx.Response:
        return registry.http.post("/heartbeat", content=body)

    for body in (b"{", b'{"agent_id": 1}', b'{"agent_id":"a","tools":{}}'):
        response = refused(body)
        assert response.status_code == 400, body
        assert response.json()["error"].startswith("Invalid JSON payload:"), body
    assert refused(b"{}").json()["error"] == "agent_id is required"
