"""Every defect of the published package, and every point that this one is accepted by, has tests.

What stands here are names: a test that is renamed or removed takes its point along, and that fails.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITES = (
    "python/tests",
    "tests/interop",
    "crates/mesh-agent/tests/it",
    "crates/mesh-client/tests/it",
)

# What release 3.8 does wrong, numbered; `test_defect_NN_…` shows that this one does not.
DEFECTS = range(1, 31)

# By point of the acceptance list, the files with the tests that prove it, and the tests.
ACCEPTANCE = {
    "a: the wire of release 3.8, field for field": {
        "test_registration.py": [
            "test_a_consumer_registers_as_published_agents_do",
            "test_a_provider_registers_as_published_agents_do",
            "test_defect_27_the_helper_tools_are_described",
        ],
        "test_gateway.py": ["test_defect_13_an_application_advertises_its_port_and_says_farewell"],
        "test_a2a.py": ["test_an_application_with_skills_is_registered_as_such"],
        "test_llm_declaration.py": ["test_a_consumer_registers_as_published_agents_do"],
        "test_llm_agent.py": ["test_a_request_is_that_of_release_3_8"],
        "test_calls.py": ["test_defect_18_the_request_is_mcp_and_nothing_else"],
        "test_job_wire.py": ["test_a_job_is_reported_as_published_agents_report_it"],
    },
    "b: the same hashes of schemas": {
        "test_schemas.py": ["test_a_vector_of_the_published_runtimes"],
    },
    "c: what a heartbeat is answered with": {
        "heartbeat.rs": [
            "an_agent_registers_once_and_then_pings",  # 200
            "a_changed_or_unknown_agent_registers_at_once_and_is_rewired",  # 202 and 410
            "a_failing_registry_is_left_alone_for_a_while_and_the_wiring_stays",  # 503
        ],
    },
    "d: every kind of agent says farewell": {
        "test_lifecycle.py": ["test_an_agent_lives_and_leaves_without_a_trace"],
        "test_gateway.py": ["test_defect_13_an_application_advertises_its_port_and_says_farewell"],
        "test_embedded.py": ["test_it_comes_and_goes_with_the_programs_server"],
        "test_a2a.py": ["test_an_application_with_skills_is_registered_as_such"],
    },
    "e: dependencies by position": {
        "test_injection.py": [
            "test_positions_decide_and_names_never_do",
            "test_a_new_provider_is_seen_by_the_next_call",
            "test_a_dependency_on_oneself_is_called_in_the_process",
            "test_a_required_dependency_that_nobody_provides_fails_the_call",
        ],
        "test_registration.py": [
            "test_required_and_missing_reaches_the_client_as_the_published_body",
        ],
    },
    "f: decorators in any order, any server or none, tools of both kinds": {
        "test_registration.py": [
            "test_defect_11_both_decorator_orders_are_served_with_dependencies_hidden",
            "test_defect_8_the_server_may_have_any_name_and_app_comes_first",
            "test_defect_9_without_fastmcp_one_is_made",
        ],
        "test_calls.py": ["test_defect_5_a_sync_tool_gets_results_and_not_coroutines"],
    },
    "g: whatever a tool answers with": {
        "test_calls.py": [
            "test_defect_2_notifications_before_the_answer_are_skipped",
            "test_defect_3_texts_that_look_like_json_stay_texts",
            "test_what_an_answer_is_in_python",
            "test_failures_are_runtime_errors_that_say_why",  # isError and redirections
            "test_accepted_without_a_body_is_none",
        ],
    },
    "h: headers and traces through three agents": {
        "test_chain.py": ["test_headers_and_the_trace_reach_the_last_of_three_agents"],
    },
    "i: spans in Redis": {
        "test_spans_redis.py": [
            "test_defect_28_spans_of_three_agents_are_one_tree_and_name_real_ports",
        ],
    },
    "j: probes": {
        "test_health.py": [
            "test_probes",
            "test_probes_of_a_gateway_tell_its_own_service_from_the_mesh",
        ],
    },
    "k: jobs from one end to the other": {
        "test_jobs.py": [
            "test_a_job_completes_with_what_its_task_returns",
            "test_a_job_fails_with_the_reason",
            "test_a_cancelled_job_stops_where_it_runs",
            "test_defect_15_a_question_brings_the_unsent_progress_along",
            "test_a_later_attempt_reads_on_or_from_the_start",  # events and retry_on
            "test_a_claim_that_was_overtaken_is_called_off",
        ],
        "test_job_calls.py": ["test_a_superseded_caller_gets_the_same_error"],
    },
    "l: which setting wins": {"test_settings.py": ["test_precedence"]},
    # The figures themselves depend on the machine: `make bench-python` measures each beside the
    # published package, and docs/benchmarks.md says which targets are met and which are missed.
    "m: what the figures rest on, on any machine": {
        "test_package.py": [
            "test_importing_and_declaring_loads_no_framework",
            "test_importing_says_nothing_and_starts_no_thread",
        ],
        "test_lifecycle.py": ["test_defect_1_kept_alive_calls_do_not_wait_for_acknowledgements"],
    },
    "n: what stands below the agent counts, and importing it starts nothing": {
        "test_lifecycle.py": [
            "test_defect_29_what_stands_below_the_agent_counts",
            "test_defect_29_importing_an_agent_starts_nothing",
        ],
    },
    "also: LLM functions": {
        "test_llm_mesh.py": ["test_an_llm_function_is_wired_to_what_is_there"],
    },
    "also: streams of routes": {"test_routes.py": ["test_a_stream_is_server_sent_events"]},
    "also: A2A": {"test_a2a.py": ["test_a_task_is_worked_on_and_remembered"]},
    "also: services": {
        "test_services.py": [
            "test_a_service_follows_the_mesh_and_says_when_too_little_of_it_is_there",
        ],
    },
    "also: TLS from files": {
        "test_tls.py": [
            "test_agents_call_one_another_with_certificates_on_both_sides",
            "test_whoever_shows_no_certificate_of_the_authority_is_refused_and_the_log_stays_quiet",
            "test_a_provider_must_be_who_its_address_says",
            "test_a_registry_that_wants_certificates_is_told_of_by_them",
            "test_an_unknown_mode_is_refused",
            "test_tls_needs_a_certificate_and_its_key",
        ],
        "test_published_tls.py": ["test_agents_call_one_another_by_certificates"],
    },
    "also: start-up checks": {
        "test_health.py": ["test_a_startup_check_is_asked_until_it_passes"],
    },
}


def names_in(path: Path) -> set[str]:
    return set(re.findall(r"^\s*(?:async )?(?:def|fn) (\w+)\(", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("point", ACCEPTANCE)
def test_a_point_of_acceptance_is_proved(point: str) -> None:
    for file, names in ACCEPTANCE[point].items():
        found = [path for suite in SUITES if (path := ROOT / suite / file).exists()]
        assert len(found) == 1, f"{file} is in none of {', '.join(SUITES)}, or in several"
        assert set(names) <= names_in(found[0])


@pytest.mark.parametrize("number", DEFECTS)
def test_a_defect_has_a_test_with_its_number(number: int) -> None:
    name = re.compile(rf"^test_defect_0?{number}_")
    files = (path for suite in SUITES for path in (ROOT / suite).glob("test_*.py"))
    assert any(name.match(test) for path in files for test in names_in(path))
