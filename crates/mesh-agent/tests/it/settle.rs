//! First calls wait for dependencies that nobody has offered yet.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mesh_agent::{Agent, AgentSettings, Target};
use serde_json::value::RawValue;

use crate::registry::{Registry, description, until_registered};

const LONG: Duration = Duration::from_secs(10);

fn wait(agent: &Agent, index: usize) -> Receiver<Option<Arc<Target>>> {
    let (sender, receiver) = channel();
    agent.wait_for_slot("greet", index, move |target| {
        sender.send(target).expect("the test waits");
    });
    receiver
}

fn agent_that_settles_for(settle: Duration, registry: &Registry) -> Agent {
    let settings = AgentSettings {
        settle,
        ..registry.settings()
    };
    Agent::start(description(), &settings).expect("an agent")
}

#[test]
fn a_slot_that_is_filled_within_the_window_is_awaited() {
    let registry = Registry::start();
    let agent = agent_that_settles_for(LONG, &registry);
    until_registered(&agent);
    let (first, second) = (wait(&agent, 0), wait(&agent, 1));
    assert_eq!(
        first.recv_timeout(Duration::from_millis(200)),
        Err(RecvTimeoutError::Timeout)
    );
    registry.wire(&["http://h:1", ""]);
    registry.say(|answers| answers.ping = 202);
    assert_eq!(
        first.recv_timeout(LONG).unwrap().unwrap().endpoint,
        "http://h:1"
    );
    // A slot that is filled does not wait; the other one still does.
    assert!(wait(&agent, 0).try_recv().unwrap().is_some());
    assert!(second.try_recv().is_err());
    registry.wire(&["http://h:1", "http://h:2"]);
    assert_eq!(
        second.recv_timeout(LONG).unwrap().unwrap().endpoint,
        "http://h:2"
    );
}

#[test]
fn once_everything_was_wired_a_lost_slot_is_not_awaited() {
    let registry = Registry::start();
    registry.wire(&["http://h:1", "http://h:2"]);
    let agent = agent_that_settles_for(LONG, &registry);
    until_registered(&agent);
    registry.wire(&["", "http://h:2"]);
    registry.say(|answers| answers.ping = 202);
    crate::registry::eventually("the slot is lost", || agent.slot("greet", 0).is_none());
    assert_eq!(wait(&agent, 0).try_recv(), Ok(None));
}

#[test]
fn the_window_closes_by_itself_for_good() {
    let registry = Registry::start();
    let started = Instant::now();
    let agent = agent_that_settles_for(Duration::from_millis(300), &registry);
    assert_eq!(wait(&agent, 0).recv_timeout(LONG), Ok(None));
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(wait(&agent, 1).try_recv(), Ok(None));
}

#[test]
fn without_a_window_nobody_waits() {
    let registry = Registry::start();
    let agent = agent_that_settles_for(Duration::ZERO, &registry);
    assert_eq!(wait(&agent, 0).recv_timeout(LONG), Ok(None));

    let settings = AgentSettings {
        standalone: true,
        ..registry.settings()
    };
    let standalone = Agent::start(description(), &settings).unwrap();
    assert_eq!(wait(&standalone, 0).try_recv(), Ok(None));
}

#[test]
fn a_stop_ends_the_wait() {
    let registry = Registry::start();
    let agent = agent_that_settles_for(LONG, &registry);
    let waiting = wait(&agent, 0);
    agent.stop(Duration::from_secs(1));
    assert_eq!(waiting.try_recv(), Ok(None));
    assert_eq!(wait(&agent, 0).try_recv(), Ok(None));
}

#[test]
fn the_provider_of_an_llm_function_is_awaited_too() {
    let registry = Registry::start();
    let settings = AgentSettings {
        settle: LONG,
        ..registry.settings()
    };
    let mut registration = description();
    registration.tools[0].dependencies.clear();
    let selector = RawValue::from_string(r#"{"capability":"llm"}"#.to_owned());
    registration.tools[0].llm_provider = Some(selector.expect("JSON"));
    let agent = Agent::start(registration, &settings).expect("an agent");
    until_registered(&agent);
    let wait = || {
        let (sender, receiver) = channel();
        agent.wait_for_llm_provider("greet", move |provider| {
            sender.send(provider).expect("the test waits");
        });
        receiver
    };
    let waiting = wait();
    assert!(waiting.recv_timeout(Duration::from_millis(200)).is_err());
    registry.say(|answers| {
        answers.registration = Ok(r#"{},"llm_providers":{"greet":{"agent_id":"p-1",
            "name":"process","endpoint":"http://h:1","status":"available"}}"#
            .to_owned());
        answers.ping = 202;
    });
    let provider = waiting.recv_timeout(LONG).unwrap().expect("a provider");
    assert!(provider.contains(r#""agent_id":"p-1""#), "{provider}");
    // It was the only need, so the window is closed: who comes later waits for nothing.
    registry.say(|answers| answers.registration = Ok("{}".to_owned()));
    crate::registry::eventually("the provider is lost", || {
        agent.wiring().llm_provider("greet").is_none()
    });
    assert_eq!(wait().try_recv(), Ok(None));
}
