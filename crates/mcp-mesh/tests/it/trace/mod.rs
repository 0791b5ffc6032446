//! `meshctl trace` of registries that know the trace, know others, or know of none.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use mesh_core::env::EnvVars;
use mesh_test::{
    Script, ScriptedServer, TestContext, assert_matches_schema, free_port, test_context,
};
use serde_json::Value;

const TRACE: &str = "0123456789abcdef0123456789abcdef";

/// What the published registry answers, but for the field that it does not have.
const ANSWER: &str = r#"{"TraceID":"0123456789abcdef0123456789abcdef","Spans":[
{"TraceID":"0123456789abcdef0123456789abcdef","SpanID":"5896ea054bf54a08","ParentSpan":"ae227363b8454383","AgentName":"consumer","AgentID":"consumer-1234","IPAddress":"","Operation":"proxy_call_wrapper","StartTime":"2026-11-22T06:41:11.001Z","EndTime":"2026-11-22T06:41:11.13561Z","DurationMS":134,"Success":true,"ErrorMessage":null,"Capability":null,"TargetAgent":null,"Runtime":"python"},
{"TraceID":"0123456789abcdef0123456789abcdef","SpanID":"dd3c79ab372548ac","ParentSpan":"5896ea054bf54a08","AgentName":"provider","AgentID":"provider-1234","IPAddress":"","Operation":"echo","StartTime":"2026-11-22T06:41:11.02Z","EndTime":"2026-11-22T06:41:11.02047Z","DurationMS":0,"Success":false,"ErrorMessage":"boom happened","Capability":null,"TargetAgent":null,"Runtime":"python"},
{"TraceID":"0123456789abcdef0123456789abcdef","SpanID":"ae227363b8454383","ParentSpan":null,"AgentName":"consumer","AgentID":"consumer-1234","IPAddress":"","Operation":"greet","StartTime":"2026-11-22T06:41:11Z","EndTime":"2026-11-22T06:41:11.18579Z","DurationMS":185,"Success":true,"ErrorMessage":null,"Capability":null,"TargetAgent":null,"Runtime":"python"}],
"StartTime":"2026-11-22T06:41:11Z","EndTime":"2026-11-22T06:41:11.18579Z","Duration":185790000,"Success":false,"SpanCount":3,"AgentCount":2,"Agents":["consumer","provider"],"Later":1.50}"#;

/// `meshctl trace` at that registry, which is asked again at once.
fn trace(context: &TestContext, url: &str, arguments: &[&str]) -> Command {
    let mut command = context.meshctl();
    command.env(EnvVars::MCP_MESH_REGISTRY_URL, url);
    command.args(["trace", "--retry-delay", "0"]);
    command.args(arguments);
    command
}

/// A context whose registry listens anywhere.
struct Traced<'a>(&'a TestContext);

impl Traced<'_> {
    fn filters(&self) -> Vec<(String, String)> {
        let mut filters = self.0.filters();
        filters.insert(
            0,
            (
                r"http://127\.0\.0\.1:\d+".to_owned(),
                "[REGISTRY]".to_owned(),
            ),
        );
        // How long spans took stands in the answer; what is filtered is the time that it takes to ask.
        filters.retain(|(_, name)| name != "[DURATION]");
        filters
    }
}

/// Compares what `meshctl trace` did.
macro_rules! trace_snapshot {
    ($context:expr, $command:expr, @$snapshot:literal) => {
        mesh_test::mesh_snapshot!(crate::trace::Traced(&$context), $command, @$snapshot)
    };
}

#[cfg(unix)]
mod redis;

/// A registry that answers like that.
fn registry(status: u16, body: &'static str) -> ScriptedServer {
    ScriptedServer::start(move |_| Script::body(status, "application/json", body))
}

#[test]
fn a_trace_is_a_tree() {
    let context = test_context!();
    let registry = registry(200, ANSWER);
    trace_snapshot!(context, trace(&context, &registry.url(), &[TRACE]), @r"
        exit: 0
        ----- stdout -----
        Call tree of trace 0123456789abcdef0123456789abcdef

        └─ greet (consumer) [185ms] ✓
           └─ echo (provider) [<1ms] ✗
                 boom happened

        Summary: 3 spans (1 internal not shown), 2 agents, 185ms ✗ 1 failed
        Agents: consumer, provider
        ----- stderr -----
        ");
    trace_snapshot!(context, trace(&context, &registry.url(), &[TRACE, "--show-internal"]), @r"
        exit: 0
        ----- stdout -----
        Call tree of trace 0123456789abcdef0123456789abcdef

        └─ greet (consumer) [185ms] ✓
           └─ proxy_call_wrapper (consumer) [134ms] ✓
              └─ echo (provider) [<1ms] ✗
                    boom happened

        Summary: 3 spans, 2 agents, 185ms ✗ 1 failed
        Agents: consumer, provider
        ----- stderr -----
        ");
    let paths: Vec<String> = registry
        .requests()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(
        paths,
        [format!("/trace/{TRACE}"), format!("/trace/{TRACE}")]
    );
}

#[test]
fn programs_get_what_the_registry_said() {
    let context = test_context!();
    let registry = registry(200, ANSWER);
    let output = trace(
        &context,
        &registry.url(),
        &[&TRACE.to_uppercase(), "--json"],
    )
    .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer, serde_json::from_str::<Value>(ANSWER).unwrap());
    assert!(text.contains("  \"Later\": 1.50\n"), "{text}");
    // What a later release may add is not in the schema of this one.
    answer.as_object_mut().unwrap().remove("Later");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/meshctl/trace.json");
    let schema = fs::read_to_string(schema).expect("`cargo xtask generate` writes it");
    assert_matches_schema(&serde_json::from_str(&schema).unwrap(), &answer);
}

#[test]
fn an_id_is_judged_before_anybody_is_asked() {
    let context = test_context!();
    let registry = registry(200, ANSWER);
    trace_snapshot!(context, trace(&context, &registry.url(), &["abc123"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `abc123` is not the id of a trace: it is 6 long
        Hint: an id is 32 hexadecimal digits, as `meshctl call --trace` prints it
        ");
    let mut command = trace(&context, &registry.url(), &["abc123", "--exit-code"]);
    assert_eq!(command.output().unwrap().status.code(), Some(2));
    assert!(registry.requests().is_empty());
}

#[test]
fn a_trace_that_is_not_there_is_asked_for_again() {
    let context = test_context!();
    let registry = registry(404, r#"{"error":"trace not found","trace_id":"x"}"#);
    trace_snapshot!(context, trace(&context, &registry.url(), &[TRACE, "--exit-code"]), @r"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        Asking again in 0s (1 of 3): the trace is not there yet
        Asking again in 0s (2 of 3): the trace is not there yet
        Asking again in 0s (3 of 3): the trace is not there yet
        Error: trace '0123456789abcdef0123456789abcdef' not found
        Hint: agents publish spans if `MCP_MESH_DISTRIBUTED_TRACING_ENABLED=true`; their `REDIS_URL` must be the registry's, and it drops old spans: see `meshctl man observability`
        ");
    assert_eq!(registry.requests().len(), 4);
    trace_snapshot!(context, trace(&context, &registry.url(), &[TRACE, "--retries", "0"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: trace '0123456789abcdef0123456789abcdef' not found
        Hint: agents publish spans if `MCP_MESH_DISTRIBUTED_TRACING_ENABLED=true`; their `REDIS_URL` must be the registry's, and it drops old spans: see `meshctl man observability`
        ");
    assert_eq!(registry.requests().len(), 5);
}

#[test]
fn a_trace_that_comes_late_is_shown() {
    let context = test_context!();
    let late = AtomicUsize::new(0);
    let registry = ScriptedServer::start(move |_| {
        let asked = late.fetch_add(1, Ordering::SeqCst);
        match asked {
            0 => Script::body(404, "application/json", r#"{"error":"trace not found"}"#),
            1 => Script::body(503, "application/json", r#"{"error":"one moment"}"#),
            _ => Script::json(ANSWER),
        }
    });
    trace_snapshot!(context, trace(&context, &registry.url(), &[TRACE]), @r"
        exit: 0
        ----- stdout -----
        Call tree of trace 0123456789abcdef0123456789abcdef

        └─ greet (consumer) [185ms] ✓
           └─ echo (provider) [<1ms] ✗
                 boom happened

        Summary: 3 spans (1 internal not shown), 2 agents, 185ms ✗ 1 failed
        Agents: consumer, provider
        ----- stderr -----
        Asking again in 0s (1 of 3): the trace is not there yet
        Asking again in 0s (2 of 3): the registry at `[REGISTRY]` refused the request with 503: one moment
        ");
}

#[test]
fn a_registry_without_tracing_says_at_once_how_to_have_it() {
    let context = test_context!().with_registry();
    let url = context.registry().url();
    trace_snapshot!(context, trace(&context, &url, &[TRACE, "--exit-code"]), @r"
        exit: 7
        ----- stdout -----
        ----- stderr -----
        Error: the registry at `[REGISTRY]` reads no traces
        Hint: start registry and agents with `MCP_MESH_DISTRIBUTED_TRACING_ENABLED=true` (`meshctl start --dte` does) and, in `REDIS_URL`, the Redis that they share
        ");
}

#[test]
fn a_registry_that_is_away_is_asked_again_too() {
    let context = test_context!();
    let url = format!("http://127.0.0.1:{}", free_port().unwrap());
    let mut command = trace(&context, &url, &[TRACE, "--retries", "1", "--exit-code"]);
    trace_snapshot!(context, command, @r"
        exit: 4
        ----- stdout -----
        ----- stderr -----
        Asking again in 0s (1 of 1): failed to reach the registry at `[REGISTRY]`
        Error: failed to reach the registry at `[REGISTRY]`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        ");
}

#[test]
fn a_call_may_begin_a_trace() {
    let context = test_context!();
    let agent = ScriptedServer::start(|_| {
        Script::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#)
    });
    let mut command = context.meshctl();
    command.args([
        "call",
        "greet",
        r#"{"who":"you"}"#,
        "--trace",
        "--agent-url",
    ]);
    let output = command.arg(agent.url()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let id = said
        .lines()
        .next()
        .unwrap()
        .strip_prefix("Trace ID: ")
        .unwrap();
    assert_eq!(
        said,
        format!("Trace ID: {id}\nSee who called whom with `meshctl trace {id}`\n")
    );
    let asked = &agent.requests()[0];
    assert_eq!(asked.header("x-trace-id"), Some(id));
    let body: Value = serde_json::from_str(&asked.text()).unwrap();
    let arguments = serde_json::json!({ "_trace_id": id, "who": "you" });
    assert_eq!(body["params"]["arguments"], arguments);
}
