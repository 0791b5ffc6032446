//! Calls from agent to agent.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use mesh_agent::{Agent, AgentSettings, Call, CallError, Headers, Target, ToolOutcome};
use mesh_test::{Script, ScriptedServer};
use serde_json::value::RawValue;

use crate::registry::description;

/// An agent without a registry; calls need none.
pub(crate) fn caller() -> Agent {
    let settings = AgentSettings {
        standalone: true,
        ..AgentSettings::default()
    };
    Agent::start(description(), &settings).expect("an agent")
}

fn call(endpoint: &str) -> Call {
    Call {
        target: Arc::new(Target {
            agent_id: "b-1".to_owned(),
            endpoint: endpoint.to_owned(),
            function_name: "echo".to_owned(),
            capability: "echo".to_owned(),
            kwargs: None,
        }),
        arguments: RawValue::from_string(r#"{"text":"hi"}"#.to_owned()).expect("JSON"),
        timeout: Duration::from_secs(5),
        headers: Headers::new(),
    }
}

fn result(body: &str) -> Script {
    Script::json(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{body}}}"#))
}

#[test]
fn a_call_brings_the_value_that_the_tool_returned() {
    let server = ScriptedServer::start(|request| {
        assert!(!request.text().contains("_trace_id"));
        result(
            r#"{"_meta":{"fastmcp":{"wrap_result":true}},"content":[{"type":"text","text":"42"}],"structuredContent":{"result":"42"},"isError":false}"#,
        )
    });
    let agent = caller();
    for _ in 0..3 {
        let outcome = agent.call_blocking(call(&server.url())).unwrap();
        assert!(matches!(outcome, ToolOutcome::Json(value) if value.get() == r#""42""#));
    }
    assert_eq!(server.connections(), 1, "connections are kept");
}

#[test]
fn a_tool_that_failed_is_an_outcome_with_its_text() {
    let server = ScriptedServer::start(|_| {
        result(r#"{"content":[{"type":"text","text":"no such city"}],"isError":true}"#)
    });
    let outcome = caller().call_blocking(call(&server.url())).unwrap();
    assert!(
        matches!(&outcome, ToolOutcome::Failed { text, claim_superseded: false } if text == "no such city"),
        "{outcome:?}"
    );
}

#[test]
fn what_is_no_result_names_agent_and_tool() {
    let server = ScriptedServer::start(|_| Script::body(200, "text/html", "<html>"));
    let error = caller().call_blocking(call(&server.url())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the answer of `{}` to `echo` is not understood: it is neither JSON nor an event stream",
            server.url()
        )
    );
    let error = caller().call_blocking(call("stdio://b-1")).unwrap_err();
    assert!(matches!(error, CallError::Exchange(_)), "{error:?}");
}

#[test]
fn a_cancelled_call_ends_at_once_and_its_caller_is_told() {
    let server = ScriptedServer::start(|_| Script::default().pause(Duration::from_secs(2)));
    let agent = caller();
    let (sender, receiver) = channel();
    let handle = agent.call(call(&server.url()), move |outcome| {
        sender.send(outcome.map(|_| ())).unwrap();
    });
    std::thread::sleep(Duration::from_millis(50));
    assert!(receiver.try_recv().is_err());
    let cancelled = Instant::now();
    handle.cancel();
    let outcome = receiver.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(matches!(outcome, Err(CallError::Cancelled)), "{outcome:?}");
    assert!(cancelled.elapsed() < Duration::from_secs(1));
}

#[test]
fn calls_run_beside_each_other() {
    let server = ScriptedServer::start(|_| {
        Script::default()
            .pause(Duration::from_millis(300))
            .then(result(r#"{"content":[]}"#))
    });
    let agent = caller();
    let (sender, receiver) = channel();
    let started = Instant::now();
    for _ in 0..20 {
        let sender = sender.clone();
        agent.call(call(&server.url()), move |outcome| {
            sender.send(outcome.is_ok()).unwrap();
        });
    }
    for _ in 0..20 {
        assert!(receiver.recv_timeout(Duration::from_secs(5)).unwrap());
    }
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "20 × 300 ms, but not one after the other"
    );
}
