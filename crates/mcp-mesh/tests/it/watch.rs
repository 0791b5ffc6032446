//! Agents of the runtime and a registry, as in a mesh, but with heartbeats a minute apart: whatever an
//! agent learns here, it learns by its watch.

use std::thread;
use std::time::{Duration, Instant};

use mesh_agent::{Agent, AgentSettings, AgentState, Stopped};
use mesh_test::{RegistryCommand, RegistryProcess, fake};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-mesh-registry");

fn settings(registry: &RegistryProcess) -> AgentSettings {
    AgentSettings {
        registry_url: registry.url(),
        heartbeat_interval: Duration::from_mins(1),
        ..AgentSettings::default()
    }
}

fn provider(registry: &RegistryProcess, name: &str) -> Agent {
    let endpoint = format!("http://{name}:9000");
    let registration = fake::agent(name, &endpoint, vec![fake::tool("clock")]);
    Agent::start(registration, &settings(registry)).expect("an agent")
}

fn consumer(registry: &RegistryProcess) -> Agent {
    let tools = vec![fake::tool_needing("greet", &["clock"])];
    let registration = fake::agent("greeter", "http://greeter:9000", tools);
    Agent::start(registration, &settings(registry)).expect("an agent")
}

/// Waits until the consumer is wired to `provider`, or to nobody.
#[track_caller]
fn until_wired(consumer: &Agent, provider: Option<&str>) {
    let expected = provider.map(|name| format!("http://{name}:9000"));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let slot = consumer
            .slot("greet", 0)
            .map(|target| target.endpoint.clone());
        if slot == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{slot:?}, not {expected:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "Wine, where alone `-gnu` programs are run, delivers no Ctrl-Break"
)]
fn agents_are_rewired_without_a_heartbeat_and_after_a_crash_of_the_registry_too() {
    let home = TempDir::new().expect("a folder");
    let command = RegistryCommand::new(PROGRAM, home.path());
    let mut registry = command.start().expect("a registry");
    let consumer = consumer(&registry);
    let first = provider(&registry, "first");
    until_wired(&consumer, Some("first"));
    assert_eq!(first.stop(Duration::from_secs(1)), Stopped::Left);
    until_wired(&consumer, None);

    registry.restart().expect("it starts again");
    let second = provider(&registry, "second");
    until_wired(&consumer, Some("second"));
    assert_eq!(consumer.status().state, AgentState::Registered);

    let start = Instant::now();
    registry
        .terminate(Duration::from_secs(10))
        .expect("it ends");
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(3),
        "open watches held it for {took:?}"
    );
    assert!(
        consumer.slot("greet", 0).is_some(),
        "nobody is unwired by that"
    );
    drop(second);
}
