//! Our own registry, which reads traces from a real Redis.

use std::thread;
use std::time::{Duration, Instant};

use mesh_agent::SpanPublisher;
use mesh_core::env::EnvVars;
use mesh_test::redis::Redis;
use mesh_test::{TestContext, test_context};
use serde_json::Value;

use super::{TRACE, trace};

const LONG: Duration = Duration::from_secs(20);

/// A registry that reads its traces there.
fn reading(redis: &Redis) -> TestContext {
    let url = redis.url();
    test_context!().with_registry_env(&[
        (EnvVars::MCP_MESH_DISTRIBUTED_TRACING_ENABLED, "true"),
        (EnvVars::REDIS_URL, url.as_str()),
    ])
}

/// Publishes a span of each line: the trace, its id, its parent, agent, function, begin and end in
/// milliseconds, and an error.
fn publish(redis: &Redis, spans: &[[&str; 8]]) {
    let publisher = SpanPublisher::start(&redis.url(), 0).expect("a URL");
    let deadline = Instant::now() + LONG;
    while publisher.published() == 0 {
        publisher.publish(vec![("trace_id".to_owned(), "of nobody".to_owned())]);
        assert!(Instant::now() < deadline, "Redis takes no span");
        thread::sleep(Duration::from_millis(10));
    }
    let time = |millisecond: &str| {
        let millisecond: f64 = millisecond.parse().expect("a number");
        (1_795_329_671.0 + millisecond / 1000.0).to_string()
    };
    for [trace, id, parent, agent, function, start, end, error] in spans {
        let fields = [
            ("trace_id", (*trace).to_owned()),
            ("span_id", (*id).to_owned()),
            ("parent_span", (*parent).to_owned()),
            ("agent_name", (*agent).to_owned()),
            ("function_name", (*function).to_owned()),
            ("start_time", time(start)),
            ("end_time", time(end)),
            (
                "success",
                if *error == "null" { "True" } else { "False" }.to_owned(),
            ),
            ("error", (*error).to_owned()),
        ];
        publisher.publish(fields.map(|(name, value)| (name.to_owned(), value)).into());
    }
    publisher.stop(LONG);
}

#[test]
fn a_trace_of_our_own_registry_is_a_tree() {
    let redis = Redis::start().expect("Redis");
    let context = reading(&redis);
    publish(
        &redis,
        &[
            [TRACE, "c", "b", "clock", "now", "20", "21", "no such zone"],
            [
                TRACE,
                "b",
                "a",
                "planner",
                "proxy_call_wrapper",
                "2",
                "40",
                "no such zone",
            ],
            [
                "ffffffffffffffffffffffffffffffff",
                "z",
                "a",
                "other",
                "x",
                "1",
                "2",
                "null",
            ],
            [TRACE, "d", "a", "weather", "forecast", "41", "60", "null"],
            [TRACE, "a", "null", "planner", "plan", "0", "61", "null"],
        ],
    );
    let url = context.registry().url();
    trace_snapshot!(context, trace(&context, &url, &[TRACE]), @r"
        exit: 0
        ----- stdout -----
        Call tree of trace 0123456789abcdef0123456789abcdef

        └─ plan (planner) [61ms] ✓
           ├─ now (clock) [1ms] ✗
           │     no such zone
           └─ forecast (weather) [19ms] ✓

        Summary: 4 spans (1 internal not shown), 3 agents, 61ms ✗ 1 failed
        Agents: planner, clock, weather
        ----- stderr -----
        ");
    let output = trace(&context, &url, &[TRACE, "--json"]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let of_trace = [
        "AgentCount",
        "Agents",
        "Duration",
        "EndTime",
        "SpanCount",
        "Spans",
        "StartTime",
        "Success",
        "TraceID",
    ];
    assert_eq!(keys(&answer), of_trace);
    let of_span = [
        "AgentID",
        "AgentName",
        "Capability",
        "DurationMS",
        "EndTime",
        "ErrorMessage",
        "IPAddress",
        "Operation",
        "ParentSpan",
        "Runtime",
        "SpanID",
        "StartTime",
        "Success",
        "TargetAgent",
        "TraceID",
    ];
    for span in answer["Spans"].as_array().expect("an array") {
        assert_eq!(keys(span), of_span);
    }
}

#[test]
fn a_trace_that_nobody_published_is_not_found() {
    let redis = Redis::start().expect("Redis");
    let context = reading(&redis);
    let url = context.registry().url();
    trace_snapshot!(context, trace(&context, &url, &[TRACE, "--retries", "2", "--exit-code"]), @r"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        Asking again in 0s (1 of 2): the trace is not there yet
        Asking again in 0s (2 of 2): the trace is not there yet
        Error: trace '0123456789abcdef0123456789abcdef' not found
        Hint: agents publish spans if `MCP_MESH_DISTRIBUTED_TRACING_ENABLED=true`; their `REDIS_URL` must be the registry's, and it drops old spans: see `meshctl man observability`
        ");
}

#[test]
fn a_redis_that_is_away_is_named_and_the_registry_runs() {
    let mut redis = Redis::start().expect("Redis");
    redis.stop().expect("it stops");
    let context = reading(&redis);
    let url = context.registry().url();
    trace_snapshot!(context, trace(&context, &url, &[TRACE, "--retries", "1", "--exit-code"]), @r"
        exit: 5
        ----- stdout -----
        ----- stderr -----
        Asking again in 0s (1 of 1): the registry at `[REGISTRY]` refused the request with 503: Redis, which holds the spans, does not answer: Connection refused
        Error: the registry at `[REGISTRY]` refused the request with 503: Redis, which holds the spans, does not answer: Connection refused
        Hint: start Redis, or set `REDIS_URL` of the registry and the agents to where it is
        ");
}
