//! Who says what to the registry, and when.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mesh_agent::{Agent, AgentSettings, AgentState, Health, StartError, Stopped};
use mesh_core::Hint;
use mesh_core::wire::Registration;

use crate::registry::{Registry, description, eventually, until_registered};

const PATIENCE: Duration = Duration::from_secs(1);

fn posted(registry: &Registry) -> Vec<Registration> {
    let requests = registry.requests();
    let posts = requests.iter().filter(|request| request.method == "POST");
    posts
        .map(|request| serde_json::from_slice(&request.body).expect("a registration"))
        .collect()
}

#[test]
fn an_agent_registers_once_and_then_pings() {
    let registry = Registry::start();
    registry.wire(&["http://h:1", ""]);
    let agent = registry.agent();
    eventually("it pings", || registry.count_of("HEAD") >= 3);
    assert_eq!(registry.count_of("POST"), 1);
    let mut requests = registry.requests();
    requests.retain(|request| request.method != "GET"); // The watch, which is not there.
    assert_eq!(requests[0].path, "/heartbeat");
    assert_eq!(requests[1].path, "/heartbeat/a-1");
    assert_eq!(posted(&registry)[0].status.as_deref(), Some("healthy"));
    assert_eq!(agent.status().state, AgentState::Registered);
    assert_eq!(agent.status().last_error, None);

    let target = agent.slot("greet", 0).unwrap();
    assert_eq!(
        (target.agent_id.as_str(), target.endpoint.as_str()),
        ("b-1", "http://h:1")
    );
    assert_eq!(
        (target.function_name.as_str(), target.capability.as_str()),
        ("echo", "echo")
    );
    assert_eq!(target.kwargs.as_ref().unwrap().get(), r#"{"team":"blue"}"#);
    assert_eq!(agent.slot("greet", 1), None);
}

#[test]
fn a_changed_or_unknown_agent_registers_at_once_and_is_rewired() {
    let registry = Registry::start();
    let agent = registry.agent();
    until_registered(&agent);
    let first = agent.wiring().version();
    registry.wire(&["", "http://h:2"]);
    registry.say(|answers| answers.ping = 202);
    eventually("the slot is filled", || agent.slot("greet", 1).is_some());
    assert_eq!(agent.slot("greet", 0), None);
    assert_eq!(agent.wiring().version(), first + 1);

    registry.wire(&["", ""]);
    registry.say(|answers| answers.ping = 410);
    eventually("the slot is empty", || agent.slot("greet", 1).is_none());
    let settled = agent.wiring().version();
    let posts = registry.count_of("POST");
    eventually("it goes on registering", || {
        registry.count_of("POST") > posts + 2
    });
    assert_eq!(
        agent.wiring().version(),
        settled,
        "identical answers change nothing"
    );
    // One registration for one ping that asks for it, never two.
    registry.say(|answers| answers.ping = 200);
    let count = registry.count();
    assert!(count["POST"] <= count["HEAD"] + 1, "{count:?}");
}

#[test]
fn a_failing_registry_is_left_alone_for_a_while_and_the_wiring_stays() {
    let registry = Registry::start();
    registry.wire(&["http://h:1", ""]);
    let agent = registry.agent();
    until_registered(&agent);
    registry.say(|answers| answers.ping = 503);
    eventually("the failure is noticed", || {
        matches!(agent.status().state, AgentState::Reconnecting { .. })
    });
    let before = registry.count_of("HEAD");
    thread::sleep(Duration::from_millis(200));
    assert_eq!(
        registry.count_of("HEAD"),
        before,
        "a failed ping is not repeated at once"
    );
    assert!(agent.slot("greet", 0).is_some());

    registry.say(|answers| answers.ping = 200);
    until_registered(&agent);
    assert_eq!(
        registry.count_of("POST"),
        1,
        "a ping is enough to come back"
    );
    assert!(agent.status().last_error.unwrap().contains("503"));
}

#[test]
fn an_agent_is_back_soon_after_its_registry_however_long_that_was_away() {
    let mut registry = Registry::start();
    registry.wire(&["http://h:1", ""]);
    let agent = registry.agent();
    until_registered(&agent);
    registry.go_away();
    thread::sleep(Duration::from_secs(3));
    let AgentState::Reconnecting { error } = agent.status().state else {
        panic!("not reconnecting: {agent:?}");
    };
    assert!(
        error.starts_with("failed to reach the registry at `http://127.0.0.1:"),
        "{error}"
    );
    assert!(agent.slot("greet", 0).is_some());

    registry.say(|answers| answers.ping = 410);
    let back = Instant::now();
    registry.come_back();
    until_registered(&agent);
    // 2 s is the promise; the rest is for a machine that is busy.
    assert!(
        back.elapsed() < Duration::from_secs(4),
        "{:?}",
        back.elapsed()
    );
    assert!(registry.count_of("POST") >= 1);
}

#[test]
fn an_agent_may_start_before_its_registry() {
    let mut registry = Registry::start();
    registry.go_away();
    let agent = registry.agent();
    eventually("it tries", || {
        matches!(agent.status().state, AgentState::Reconnecting { .. })
    });
    registry.come_back();
    until_registered(&agent);
}

#[test]
fn a_refusal_is_shown_and_tried_again() {
    let registry = Registry::start();
    registry.say(|answers| answers.registration = Err("a cycle: a → b → a".to_owned()));
    let agent = registry.agent();
    let rejected = AgentState::Rejected {
        message: "a cycle: a → b → a".to_owned(),
    };
    eventually("the refusal is shown", || agent.status().state == rejected);
    assert_eq!(registry.count_of("HEAD"), 0);
    registry.say(|answers| answers.registration = Ok("{}".to_owned()));
    until_registered(&agent);
    assert_eq!(
        agent.status().last_error.as_deref(),
        Some("a cycle: a → b → a")
    );
}

#[test]
fn a_registration_of_the_wrong_form_is_a_refusal_and_a_broken_store_is_not() {
    for (status, is_refusal) in [(400, true), (403, true), (500, false), (503, false)] {
        let registry = Registry::start();
        registry.say(|answers| answers.registration_status = status);
        let agent = registry.agent();
        eventually("it is answered", || {
            agent.status().state != AgentState::Starting
        });
        let state = agent.status().state;
        assert_eq!(
            matches!(state, AgentState::Rejected { .. }),
            is_refusal,
            "{status}: {state:?}"
        );
        assert!(
            agent
                .status()
                .last_error
                .unwrap()
                .contains(&status.to_string())
        );
    }
}

#[test]
fn an_unhealthy_agent_is_silent_until_it_recovers() {
    let registry = Registry::start();
    let agent = registry.agent();
    until_registered(&agent);
    agent.set_health(Health::Unhealthy);
    eventually("it withdraws", || {
        agent.status().state == AgentState::Withdrawn
    });
    let before = registry.requests().len();
    thread::sleep(Duration::from_millis(300));
    assert!(
        registry.requests().len() <= before + 1,
        "one ping may have been under way"
    );

    let heads = registry.count_of("HEAD");
    agent.set_health(Health::Healthy);
    eventually("it pings again", || registry.count_of("HEAD") > heads);
    assert_eq!(agent.status().state, AgentState::Registered);
    assert_eq!(registry.count_of("POST"), 1, "nothing new to tell");
}

#[test]
fn a_change_between_healthy_and_degraded_reaches_the_registry() {
    let registry = Registry::start();
    let agent = registry.agent();
    until_registered(&agent);
    agent.set_health(Health::Degraded);
    eventually("it is told", || registry.count_of("POST") == 2);
    agent.set_health(Health::Degraded);
    agent.set_health(Health::Unhealthy);
    agent.set_health(Health::Healthy);
    eventually("it is told", || registry.count_of("POST") == 3);
    let statuses: Vec<_> = posted(&registry)
        .into_iter()
        .map(|r| r.status.unwrap())
        .collect();
    assert_eq!(statuses, ["healthy", "degraded", "healthy"]);
}

#[test]
fn an_agent_that_starts_unhealthy_waits_with_its_registration() {
    let registry = Registry::start();
    let description = Registration {
        status: Some("unhealthy".to_owned()),
        ..description()
    };
    let agent = Agent::start(description, &registry.settings()).unwrap();
    thread::sleep(Duration::from_millis(150));
    assert_eq!(agent.status().state, AgentState::Withdrawn);
    assert!(registry.requests().is_empty());
    agent.set_health(Health::Healthy);
    until_registered(&agent);
    assert_eq!(posted(&registry)[0].status.as_deref(), Some("healthy"));
}

#[test]
fn a_new_description_is_sent_at_once_under_the_old_id() {
    let registry = Registry::start();
    let settings = AgentSettings {
        heartbeat_interval: Duration::from_mins(1),
        ..registry.settings()
    };
    let agent = Agent::start(description(), &settings).unwrap();
    until_registered(&agent);
    agent.replace(Registration {
        agent_id: "other".to_owned(),
        description: Some("grown".to_owned()),
        ..description()
    });
    eventually("it is told", || registry.count_of("POST") == 2);
    let second = &posted(&registry)[1];
    assert_eq!(
        (second.agent_id.as_str(), second.description.as_deref()),
        ("a-1", Some("grown"))
    );
}

#[test]
fn every_change_of_state_is_observed() {
    let registry = Registry::start();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observed = Arc::clone(&seen);
    let settings = AgentSettings {
        observer: Some(Arc::new(move |status| {
            observed.lock().unwrap().push(status.state.as_str());
        })),
        ..registry.settings()
    };
    let agent = Agent::start(description(), &settings).unwrap();
    until_registered(&agent);
    agent.set_health(Health::Unhealthy);
    agent.stop(PATIENCE);
    assert_eq!(
        *seen.lock().unwrap(),
        ["registered", "withdrawn", "stopped"]
    );
}

#[test]
fn a_standalone_agent_asks_nobody() {
    let registry = Registry::start();
    let settings = AgentSettings {
        standalone: true,
        ..registry.settings()
    };
    let agent = Agent::start(description(), &settings).unwrap();
    agent.set_health(Health::Degraded);
    thread::sleep(Duration::from_millis(150));
    assert!(registry.requests().is_empty());
    assert_eq!(agent.status().state, AgentState::Standalone);
    assert_eq!(agent.stop(PATIENCE), Stopped::NothingToLeave);
}

#[test]
fn an_address_that_is_no_url_is_refused_at_start() {
    let settings = AgentSettings {
        registry_url: "localhost:8000".to_owned(),
        ..AgentSettings::default()
    };
    let error = Agent::start(description(), &settings).unwrap_err();
    assert!(matches!(error, StartError::Registry(_)));
    assert!(error.hint().unwrap().contains("MCP_MESH_REGISTRY_URL"));
}
