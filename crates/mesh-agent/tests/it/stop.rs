//! Leaving the mesh.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use mesh_agent::{AgentState, Call, CallError, Headers, Stopped, Target};
use mesh_test::{Script, ScriptedServer};
use serde_json::value::RawValue;

use crate::registry::{Registry, eventually, until_registered};

const PATIENCE: Duration = Duration::from_millis(250);
/// What a stop may take when the registry does not answer, and the machine is busy.
const LIMIT: Duration = Duration::from_millis(1500);

fn endless_call(endpoint: &str) -> Call {
    Call {
        target: Arc::new(Target {
            agent_id: "b-1".to_owned(),
            endpoint: endpoint.to_owned(),
            function_name: "echo".to_owned(),
            capability: "echo".to_owned(),
            kwargs: None,
        }),
        arguments: RawValue::from_string("{}".to_owned()).expect("JSON"),
        timeout: Duration::from_mins(1),
        headers: Headers::new(),
    }
}

#[test]
fn an_agent_that_stops_leaves_once() {
    let registry = Registry::start();
    let agent = registry.agent();
    until_registered(&agent);
    let started = Instant::now();
    assert_eq!(agent.stop(PATIENCE), Stopped::Left);
    assert!(started.elapsed() < LIMIT);
    assert_eq!(agent.status().state, AgentState::Stopped);
    assert_eq!(agent.clone().stop(PATIENCE), Stopped::Left);
    // A watch is opened on a connection of its own, and may be read after what was sent later.
    let requests = registry.requests();
    let last = requests.iter().rfind(|request| request.method != "GET");
    let last = last.unwrap();
    assert_eq!(
        (last.method.as_str(), last.path.as_str()),
        ("DELETE", "/agents/a-1")
    );
    thread::sleep(Duration::from_millis(150));
    assert_eq!(registry.count_of("DELETE"), 1);
}

#[test]
fn a_registry_that_hangs_or_is_gone_does_not_hold_an_agent_back() {
    let mut registry = Registry::start();
    let hanging = registry.agent();
    until_registered(&hanging);
    registry.say(|answers| answers.delay = Duration::from_secs(3));
    let started = Instant::now();
    let stopped = hanging.stop(PATIENCE);
    assert!(
        matches!(&stopped, Stopped::Unheard(reason) if reason.contains("250ms")),
        "{stopped:?}"
    );
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());

    registry.say(|answers| answers.delay = Duration::ZERO);
    let left_alone = registry.agent();
    until_registered(&left_alone);
    registry.go_away();
    let started = Instant::now();
    let stopped = left_alone.stop(PATIENCE);
    assert!(
        matches!(&stopped, Stopped::Unheard(reason) if reason.contains("refused")),
        "{stopped:?}"
    );
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
}

#[test]
fn calls_under_way_are_cancelled_and_later_ones_too() {
    let registry = Registry::start();
    let server = ScriptedServer::start(|_| Script::default().pause(Duration::from_secs(2)));
    let agent = registry.agent();
    until_registered(&agent);
    let (sender, receiver) = channel();
    agent.call(endless_call(&server.url()), move |outcome| {
        sender.send(outcome.map(|_| ())).unwrap();
    });
    thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    assert_eq!(agent.stop(PATIENCE), Stopped::Left);
    assert!(started.elapsed() < LIMIT);
    assert!(matches!(receiver.try_recv(), Ok(Err(CallError::Cancelled))));
    let late = agent.call_blocking(endless_call(&server.url()));
    assert!(matches!(late, Err(CallError::Cancelled)), "{late:?}");
}

#[test]
fn dropping_the_last_handle_leaves_too() {
    let registry = Registry::start();
    let agent = registry.agent();
    let copy = agent.clone();
    until_registered(&agent);
    drop(agent);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(registry.count_of("DELETE"), 0);
    drop(copy);
    eventually("it leaves", || registry.count_of("DELETE") == 1);
}

#[test]
fn a_callback_that_blocks_the_thread_cannot_block_a_stop() {
    let registry = Registry::start();
    let server = ScriptedServer::start(|_| Script::status(500));
    let agent = registry.agent();
    until_registered(&agent);
    let (entered, is_in) = channel();
    agent.call(endless_call(&server.url()), move |_| {
        entered.send(()).unwrap();
        thread::sleep(Duration::from_secs(2));
    });
    is_in.recv_timeout(Duration::from_secs(5)).unwrap();
    let started = Instant::now();
    assert!(matches!(agent.stop(PATIENCE), Stopped::Unheard(_)));
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
}
