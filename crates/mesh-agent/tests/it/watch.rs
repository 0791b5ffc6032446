//! Pushed answers beside heartbeats.

use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use mesh_agent::{Agent, AgentSettings, AgentState, Health};
use mesh_core::wire::Registration;
use mesh_test::{Request, Script};

use crate::registry::{Registry, description, eventually, pushed, until_registered};

/// A stream that says what the test sends.
fn stream() -> (Sender<Script>, Script) {
    let (says, rest) = mpsc::channel();
    (says, Script::events().follow(rest))
}

/// An agent whose first heartbeat is a minute away: what it learns, it learns otherwise.
fn agent_without_heartbeat(registry: &Registry) -> Agent {
    let settings = AgentSettings {
        heartbeat_interval: Duration::from_mins(1),
        ..registry.settings()
    };
    Agent::start(description(), &settings).expect("an agent")
}

fn requests(registry: &Registry, method: &str) -> Vec<Request> {
    let mut requests = registry.requests();
    requests.retain(|request| request.method == method);
    requests
}

fn endpoint(agent: &Agent) -> Option<String> {
    Some(agent.slot("greet", 0)?.endpoint.clone())
}

#[track_caller]
fn until_wired(agent: &Agent, expected: &str) {
    eventually("the push is applied", || {
        endpoint(agent).as_deref() == Some(expected)
    });
}

#[test]
fn a_pushed_answer_rewires_without_a_heartbeat() {
    let registry = Registry::start();
    let (says, watch) = stream();
    registry.say(|answers| {
        answers.id = Some("1-aa".to_owned());
        answers.watch = watch;
    });
    let agent = agent_without_heartbeat(&registry);
    eventually("it watches", || registry.count_of("GET") == 1);
    let request = &requests(&registry, "GET")[0];
    assert_eq!(request.path, "/agents/a-1/watch");
    assert_eq!(request.header("last-event-id"), Some("1-aa"));

    says.send(pushed("2-bb", &["http://h:1", ""])).unwrap();
    until_wired(&agent, "http://h:1");
    says.send(pushed("3-cc", &["", "http://h:2"])).unwrap();
    eventually("the slot is empty", || endpoint(&agent).is_none());
    assert_eq!(agent.slot("greet", 1).unwrap().endpoint, "http://h:2");
    assert_eq!(
        (registry.count_of("HEAD"), registry.count_of("POST")),
        (0, 1)
    );
}

#[test]
fn a_registry_whose_store_is_away_is_pinged_and_goes_on_pushing() {
    let registry = Registry::start();
    let (says, watch) = stream();
    registry.wire(&["http://h:1", ""]);
    registry.say(|answers| {
        answers.id = Some("1-aa".to_owned());
        answers.watch = watch;
    });
    let agent = registry.agent();
    eventually("it watches", || registry.count_of("GET") == 1);
    registry.say(|answers| {
        answers.ping = 503;
        answers.registration_status = 503;
    });
    let before = registry.count_of("HEAD");
    // For longer than a silent registry would be pinged.
    eventually("it goes on pinging", || {
        registry.count_of("HEAD") >= before + 5
    });
    assert!(matches!(
        agent.status().state,
        AgentState::Reconnecting { .. }
    ));
    assert_eq!(endpoint(&agent).as_deref(), Some("http://h:1"));
    says.send(pushed("2-bb", &["http://h:2", ""])).unwrap();
    until_wired(&agent, "http://h:2");

    registry.say(|answers| answers.ping = 200);
    until_registered(&agent);
    assert_eq!(
        (registry.count_of("GET"), registry.count_of("POST")),
        (1, 1),
        "the stream stayed open, and there was nothing to say again"
    );
}

#[test]
fn the_heartbeat_names_the_answer_that_was_pushed() {
    let registry = Registry::start();
    let (says, watch) = stream();
    registry.say(|answers| {
        answers.id = Some("1-aa".to_owned());
        answers.watch = watch;
    });
    let agent = registry.agent();
    let names = |name: &str| {
        let heads = requests(&registry, "HEAD");
        heads.last().and_then(|head| head.header("x-mesh-answer")) == Some(name)
    };
    eventually("it names what it was answered", || names("1-aa"));
    says.send(pushed("2-bb", &["http://h:1", ""])).unwrap();
    eventually("it names what was pushed", || names("2-bb"));
    until_wired(&agent, "http://h:1");
    assert_eq!(registry.count_of("POST"), 1);
}

#[test]
fn a_registry_without_watches_is_asked_once_in_its_life() {
    let mut registry = Registry::start();
    let agent = registry.agent();
    eventually("it pings", || registry.count_of("HEAD") >= 5);
    // It is asked for registrations again and again, but it is still the same one.
    registry.say(|answers| answers.ping = 202);
    eventually("it registers", || registry.count_of("POST") >= 5);
    assert_eq!(registry.count_of("GET"), 1);
    assert_eq!(agent.status().last_error, None, "nothing is wrong");
    assert!(
        requests(&registry, "HEAD")
            .iter()
            .all(|head| head.header("x-mesh-answer").is_none())
    );

    registry.go_away();
    eventually("it is missed", || {
        matches!(agent.status().state, AgentState::Reconnecting { .. })
    });
    let (says, watch) = stream();
    registry.say(|answers| {
        answers.ping = 200;
        answers.watch = watch;
    });
    registry.come_back();
    says.send(pushed("1-aa", &["http://h:1", ""])).unwrap();
    until_wired(&agent, "http://h:1");
}

#[test]
fn a_watch_that_breaks_is_opened_again_and_names_what_is_held() {
    let registry = Registry::start();
    registry.say(|answers| {
        answers.watch = Script::events()
            .then(pushed("2-bb", &["http://h:1", ""]))
            .close();
    });
    let agent = agent_without_heartbeat(&registry);
    eventually("it tries again", || registry.count_of("GET") >= 2);
    until_wired(&agent, "http://h:1");
    let watches = requests(&registry, "GET");
    assert_eq!(watches[0].header("last-event-id"), None);
    assert_eq!(watches[1].header("last-event-id"), Some("2-bb"));
    let pause = watches[1].at - watches[0].at;
    assert!(
        pause > Duration::from_millis(300),
        "at once again: {pause:?}"
    );
    assert_eq!(
        registry.count_of("POST"),
        1,
        "the heartbeat decides on that"
    );
    assert_eq!(agent.status().state, AgentState::Registered);
}

#[test]
fn a_watch_survives_a_restart_of_the_registry() {
    let mut registry = Registry::start();
    let (_says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    let agent = agent_without_heartbeat(&registry);
    eventually("it watches", || registry.count_of("GET") == 1);
    registry.go_away();
    let (says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    registry.come_back();
    says.send(pushed("1-aa", &["http://h:1", ""])).unwrap();
    until_wired(&agent, "http://h:1");
    assert_eq!(
        registry.count_of("POST"),
        0,
        "the registry has not forgotten it"
    );
}

#[test]
fn a_registry_that_returns_and_knows_nobody_is_watched_at_once() {
    let mut registry = Registry::start();
    let (_says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    let agent = agent_without_heartbeat(&registry);
    eventually("it watches", || registry.count_of("GET") == 1);
    registry.go_away();
    // So long that by now a further attempt would wait for a second at least.
    std::thread::sleep(Duration::from_secs(2));
    let delay = Duration::from_millis(200);
    registry.say(|answers| {
        answers.watch = Script::status(410);
        answers.delay = delay;
    });
    registry.come_back();
    eventually("it registers", || registry.count_of("POST") == 1);
    let (says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    says.send(pushed("1-aa", &["http://h:1", ""])).unwrap();
    until_wired(&agent, "http://h:1");
    let (posts, watches) = (requests(&registry, "POST"), requests(&registry, "GET"));
    let pause = watches[1].at - posts[0].at;
    assert!(pause < 3 * delay, "after {pause:?}");
}

#[test]
fn an_agent_that_was_given_up_registers_at_once_but_does_not_storm() {
    let registry = Registry::start();
    let (says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    let agent = agent_without_heartbeat(&registry);
    eventually("it watches", || registry.count_of("GET") == 1);
    registry.say(|answers| {
        answers.watch = Script::status(410);
        answers.registration = Ok("{}".to_owned());
    });
    let gone = Script::default().chunk("event: gone\ndata: {}\n\n").end();
    says.send(gone).unwrap();
    drop(says); // The server reads the connection's next request.
    eventually("it registers again and again", || {
        registry.count_of("POST") >= 5
    });
    let posts = requests(&registry, "POST");
    let pause = posts[4].at - posts[2].at;
    assert!(
        pause > Duration::from_millis(600),
        "without a pause: {pause:?}"
    );
    assert_eq!(agent.status().state, AgentState::Registered);
}

#[test]
fn a_push_never_undoes_the_answer_to_a_later_registration() {
    let registry = Registry::start();
    let (says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    let agent = agent_without_heartbeat(&registry);
    eventually("it watches", || registry.count_of("GET") == 1);
    until_registered(&agent);
    let before = agent.wiring().version();
    registry.wire(&["http://new:1", ""]);
    registry.say(|answers| {
        answers.delay = Duration::from_millis(200);
        answers.watch = Script::events().pause(Duration::from_mins(1));
    });
    agent.replace(Registration {
        description: Some("grown".to_owned()),
        ..description()
    });
    eventually("it registers", || registry.count_of("POST") == 2);
    says.send(pushed("2-bb", &["http://old:1", ""])).unwrap();
    until_wired(&agent, "http://new:1");
    eventually("it watches again", || registry.count_of("GET") == 2);
    assert_eq!(endpoint(&agent).as_deref(), Some("http://new:1"));
    assert_eq!(
        agent.wiring().version(),
        before + 1,
        "the old one was never applied"
    );
}

#[test]
fn pushes_keep_neither_heartbeats_nor_a_stop_waiting() {
    let registry = Registry::start();
    let (says, watch) = stream();
    registry.say(|answers| {
        answers.watch = watch;
        // Each heartbeat is under way while many pushes arrive.
        answers.delay = Duration::from_millis(30);
    });
    let agent = registry.agent();
    until_registered(&agent);
    let mut number = 0;
    let mut flood = || {
        number += 1;
        let endpoint = format!("http://h:{number}");
        says.send(pushed(&format!("{number}-aa"), &[&endpoint, ""]))
            .unwrap();
    };
    eventually("heartbeats are answered", || {
        flood();
        registry.count_of("HEAD") >= 5
    });
    assert_eq!(agent.status().last_error, None);
    eventually("pushes are applied", || agent.wiring().version() > 3);
    assert_eq!(registry.count_of("POST"), 1);
    let start = Instant::now();
    agent.stop(Duration::from_secs(1));
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn an_agent_that_withdraws_closes_its_watch_until_it_recovers() {
    let registry = Registry::start();
    let (says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    let agent = agent_without_heartbeat(&registry);
    eventually("it watches", || registry.count_of("GET") == 1);
    agent.set_health(Health::Unhealthy);
    eventually("it withdraws", || {
        agent.status().state == AgentState::Withdrawn
    });
    says.send(pushed("2-bb", &["http://h:1", ""])).unwrap();
    let (_says, watch) = stream();
    registry.say(|answers| answers.watch = watch);
    agent.set_health(Health::Healthy);
    eventually("it watches again", || registry.count_of("GET") == 2);
    assert_eq!(endpoint(&agent), None, "nobody listened");
}
