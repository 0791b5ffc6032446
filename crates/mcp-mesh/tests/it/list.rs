//! `list`, with agents that are missed, that nobody waits for, and that were replaced.

use mesh_core::wire::Registration;
use mesh_test::{TestContext, fake, mesh_snapshot, test_context};
use serde_json::Value;

/// An instance of `name` that offers a capability.
fn instance(id: &str, name: &str, capability: &str) -> Registration {
    let mut registration = fake::agent(name, "http://127.0.0.1:9000", vec![fake::tool(capability)]);
    id.clone_into(&mut registration.agent_id);
    registration
}

fn leave(context: &TestContext, id: &str) {
    let mut connection = context.registry().connect().expect("the registry listens");
    let answer = connection.send("DELETE", &format!("/agents/{id}"), b"");
    assert_eq!(answer.expect("an answer").status, 204);
}

/// One healthy agent that lacks what `missed-1` offered, and one that replaced another.
fn mesh() -> TestContext {
    let mut user = instance("user-1", "user", "plan");
    user.tools = vec![fake::tool_needing("plan", &["media.caption", "clock"])];
    let context = test_context!()
        .with_registration(&instance("greeter-1", "greeter", "greeting"))
        .with_registration(&instance("missed-1", "missed", "clock"))
        .with_registration(&instance("forgotten-1", "forgotten", "weather"))
        .with_registration(&instance("media-1", "media", "media.caption"))
        .with_registration(&user);
    for id in ["greeter-1", "missed-1", "forgotten-1"] {
        leave(&context, id);
    }
    context.with_registration(&instance("greeter-2", "greeter", "greeting"))
}

#[test]
fn who_is_down_is_missed_forgotten_or_replaced() {
    let context = mesh();
    mesh_snapshot!(context, context.meshctl().arg("list"), @r"
        exit: 0
        ----- stdout -----
        Registry: running ([REGISTRY]) - 3 healthy, 1 unhealthy, 1 inactive, 1 superseded - uptime [DURATION]

        NAME                       RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
        ----------------------------------------------------------------------------------------------
        greeter-2 (+1 superseded)  Python   Agent  healthy  0/0   1/1   127.0.0.1:9000  [DURATION]   [DURATION]
        media-1                    Python   Agent  healthy  0/0   1/1   127.0.0.1:9000  [DURATION]   [DURATION]
        user-1                     Python   Agent  healthy  1/2   1/1   127.0.0.1:9000  [DURATION]   [DURATION]

        3 agents (3 healthy) - 2 down hidden (use --all) - 1 superseded hidden
        ----- stderr -----
        ");
    mesh_snapshot!(context, context.meshctl().args(["list", "--all"]), @r"
        exit: 0
        ----- stdout -----
        Registry: running ([REGISTRY]) - 3 healthy, 1 unhealthy, 1 inactive, 1 superseded - uptime [DURATION]

        NAME         RUNTIME  TYPE   STATUS                  DEPS  CAPS  ENDPOINT        AGE  LAST SEEN
        -----------------------------------------------------------------------------------------------
        forgotten-1  Python   Agent  unhealthy (inactive)    0/0   0/1   127.0.0.1:9000  [DURATION]   [DURATION]
        greeter-1    Python   Agent  unhealthy (superseded)  0/0   0/1   127.0.0.1:9000  [DURATION]   [DURATION]
        greeter-2    Python   Agent  healthy                 0/0   1/1   127.0.0.1:9000  [DURATION]   [DURATION]
        media-1      Python   Agent  healthy                 0/0   1/1   127.0.0.1:9000  [DURATION]   [DURATION]
        missed-1     Python   Agent  unhealthy               0/0   0/1   127.0.0.1:9000  [DURATION]   [DURATION]
        user-1       Python   Agent  healthy                 1/2   1/1   127.0.0.1:9000  [DURATION]   [DURATION]

        6 agents (3 healthy, 1 unhealthy, 1 inactive, 1 superseded)
        ----- stderr -----
        ");
    mesh_snapshot!(context, context.meshctl().args(["list", "--filter", "greeter-1"]), @r"
        exit: 0
        ----- stdout -----
        Registry: running ([REGISTRY]) - 3 healthy, 1 unhealthy, 1 inactive, 1 superseded - uptime [DURATION]

        No agents found - 1 superseded hidden (use --all)
        ----- stderr -----
        ");
    mesh_snapshot!(context, context.meshctl().args(["list", "--all", "--since", "1h", "--no-deps"]), @r"
        exit: 0
        ----- stdout -----
        Registry: running ([REGISTRY]) - 3 healthy, 1 unhealthy, 1 inactive, 1 superseded - uptime [DURATION]

        NAME         RUNTIME  TYPE   STATUS                  ENDPOINT        AGE  LAST SEEN
        -----------------------------------------------------------------------------------
        forgotten-1  Python   Agent  unhealthy (inactive)    127.0.0.1:9000  [DURATION]   [DURATION]
        greeter-1    Python   Agent  unhealthy (superseded)  127.0.0.1:9000  [DURATION]   [DURATION]
        greeter-2    Python   Agent  healthy                 127.0.0.1:9000  [DURATION]   [DURATION]
        media-1      Python   Agent  healthy                 127.0.0.1:9000  [DURATION]   [DURATION]
        missed-1     Python   Agent  unhealthy               127.0.0.1:9000  [DURATION]   [DURATION]
        user-1       Python   Agent  healthy                 127.0.0.1:9000  [DURATION]   [DURATION]

        6 agents (3 healthy, 1 unhealthy, 1 inactive, 1 superseded)
        ----- stderr -----
        ");
}

#[test]
fn every_agent_is_told_of_at_length() {
    let context = mesh();
    let arguments = ["list", "--verbose", "--filter", "user"];
    mesh_snapshot!(context, context.meshctl().args(arguments), @r"
        exit: 0
        ----- stdout -----
        Registry: running ([REGISTRY]) - 3 healthy, 1 unhealthy, 1 inactive, 1 superseded - uptime [DURATION]

        NAME    RUNTIME  TYPE   STATUS   DEPS  CAPS  ENDPOINT        AGE  LAST SEEN  CAPABILITIES
        -----------------------------------------------------------------------------------------
        user-1  Python   Agent  healthy  1/2   1/1   127.0.0.1:9000  [DURATION]   [DURATION]         plan

        1 agent (1 healthy)

        === user-1 ===
          Name: user
          Endpoint: http://127.0.0.1:9000
          Version: 1.0.0
          Tools:
            - plan (plan)
          Dependencies:
            - media.caption → media-1 [available]
            - clock → (unresolved) [unresolved]
        ----- stderr -----
        ");
    mesh_snapshot!(context, context.meshctl().args(arguments).args(["--no-deps", "--all"]), @r"
        exit: 0
        ----- stdout -----
        Registry: running ([REGISTRY]) - 3 healthy, 1 unhealthy, 1 inactive, 1 superseded - uptime [DURATION]

        NAME    RUNTIME  TYPE   STATUS   ENDPOINT        AGE  LAST SEEN  CAPABILITIES
        -----------------------------------------------------------------------------
        user-1  Python   Agent  healthy  127.0.0.1:9000  [DURATION]   [DURATION]         plan

        1 agent (1 healthy)

        === user-1 ===
          Name: user
          Endpoint: http://127.0.0.1:9000
          Version: 1.0.0
          Tools:
            - plan (plan)
        ----- stderr -----
        ");
}

#[test]
fn a_span_that_makes_no_sense_is_told() {
    let context = test_context!();
    mesh_snapshot!(context, context.meshctl().args(["list", "--since", "bogus"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value 'bogus' for '--since <SPAN>': write a span of time such as `[DURATION]`, `5m`, `2h30m` or `3d`

        For more information, try '--help'.
        ");
}

#[test]
fn json_has_the_healthy_ones_or_all() {
    let context = mesh();
    let ids = |arguments: &[&str]| -> Vec<String> {
        let output = context.meshctl().args(arguments).output().expect("it runs");
        let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let agents = list["agents"].as_array().expect("a list");
        assert_eq!(list["registry"]["agent_count"], 6);
        agents
            .iter()
            .map(|agent| agent["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let healthy = ["greeter-2", "media-1", "user-1"];
    assert_eq!(ids(&["list", "--json"]), healthy);
    assert_eq!(ids(&["list", "--json", "--since", "1h"]), healthy);
    assert_eq!(ids(&["list", "--json", "--all"]).len(), 6);
    assert!(ids(&["list", "--json", "--all", "--since", "0s"]).is_empty());
}
