//! What `--json` prints is what `schemas/meshctl/` says.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::wire::Registration;
use mesh_test::{TestContext, assert_matches_schema, fake, test_context};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/meshctl")
}

/// The schema in `schemas/meshctl/name.json`.
pub(crate) fn schema(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(path).expect("`cargo xtask generate` writes it");
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// An agent of which everything is said that can be said.
fn registration() -> Registration {
    let mut tool = fake::tool("greet");
    tool.description = Some("Greets".to_owned());
    tool.tags = vec!["polite".to_owned()];
    // What nobody offers is told, too.
    tool.dependencies = vec![fake::dependency("clock").into()];
    fake::agent("greeter", "http://127.0.0.1:1", vec![tool])
}

/// A job that nobody runs, and that was told something.
fn submitted_job(context: &TestContext) -> String {
    let request =
        json!({ "capability": "report", "submitted_by": "tester", "submitted_payload": {} });
    let mut connection = context.registry().connect().expect("the registry listens");
    let mut post = |path: &str, body: &Value| -> Value {
        let answer = connection.send("POST", path, body.to_string().as_bytes());
        serde_json::from_str(&answer.expect("an answer").text()).expect("JSON")
    };
    let job = post("/jobs", &request)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let event = json!({ "type": "note", "payload": { "a": 1 } });
    post(&format!("/jobs/{job}/events"), &event);
    job
}

#[test]
fn answers_match_their_schemas() {
    let context = test_context!().with_registration(&registration());
    let elsewhere = |command: &mut std::process::Command| -> Value {
        let output = command.output().expect("meshctl can be run");
        assert!(output.status.success(), "{command:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("`--json` prints JSON")
    };
    for (name, arguments) in [
        ("list", &["list", "--json", "--all"][..]),
        ("list-tools", &["list", "--tools", "--json"]),
        ("list-tool", &["list", "--tools=greet", "--json"]),
        ("list-services", &["list", "--services", "--json"]),
        ("list-schemas", &["list", "--schemas", "--json"]),
        ("audit", &["audit", "greeter", "--json"]),
        ("status", &["status", "--json"]),
        ("status-agent", &["status", "greeter", "--json"]),
        ("config-show", &["config", "show", "--json"]),
        (
            "config-show-origin",
            &["config", "show", "--json", "--origin"],
        ),
        ("registry-status", &["registry", "status", "--json"]),
        ("doctor", &["doctor", "--json"]),
        ("entity-list", &["entity", "list", "--json"]),
        ("entity-rotate", &["entity", "rotate", "--json"]),
        ("man-list", &["man", "--list", "--json"]),
        ("man-list", &["man", "--search", "claim", "--json"]),
    ] {
        let answer = elsewhere(context.meshctl().args(arguments));
        assert_matches_schema(&schema(name), &answer);
    }
    let job = submitted_job(&context);
    for (name, arguments) in [
        ("job-list", &["job", "list", "--json"][..]),
        ("job-status", &["job", "status", &job, "--json"]),
        ("job-events", &["job", "events", &job, "--json"]),
        ("job-reclaim", &["job", "reclaim", &job, "--json"]),
    ] {
        let answer = elsewhere(context.meshctl().args(arguments));
        assert_matches_schema(&schema(name), &answer);
    }
    // Without a registry, too.
    let alone = test_context!();
    let mut command = alone.meshctl();
    command.args(["list", "--json", "--registry-port"]);
    command.arg(mesh_test::free_port().expect("a port is free").to_string());
    assert_matches_schema(&schema("list"), &elsewhere(&mut command));
}

#[test]
#[cfg(unix)]
fn what_is_started_and_written_matches_its_schema() {
    let stage = crate::stage::Stage::new().with_agent("greeter");
    let scaffold = ["scaffold", "basic", "--name", "planner", "--json"];
    for (name, arguments) in [
        ("start", &["start", "-d", "--json", "greeter.py"][..]),
        ("scaffold", &[&scaffold[..], &["--dry-run"]].concat()),
        ("scaffold", &scaffold),
        ("scaffold-compose", &["scaffold", "--compose", "--json"]),
    ] {
        let answer = serde_json::from_str(&stage.run(arguments)).expect("`--json` prints JSON");
        assert_matches_schema(&schema(name), &answer);
    }
}
