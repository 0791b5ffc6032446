//! Registries that say more or less than ours, and servers that are none.

use mesh_test::{Script, ScriptedServer, test_context};

/// What an early registry says: only what clients always needed.
const TERSE: &str = r#"{"agents": [{"id": "greeter-1", "name": "greeter", "agent_type": "mcp_agent",
    "status": "healthy", "endpoint": "http://10.0.0.1:9000", "capabilities": null,
    "created_at": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T00:00:00Z"}],
    "count": 1, "timestamp": "2026-01-01T00:00:00Z"}"#;

/// What a later registry may say: fields and words that are not known yet.
const WORDY: &str = r#"{"mesh": "blue", "agents": [{"id": "greeter-1", "name": "greeter",
    "agent_type": "swarm", "status": "resting", "runtime": "cobol", "endpoint": "http://10.0.0.1:9000",
    "mood": {"is": "good"}, "total_dependencies": 1, "dependencies_resolved": 0,
    "capabilities": [{"name": "hello", "function_name": "hello", "version": "1.0.0", "tags": [],
        "available": true, "colour": "red"}],
    "dependency_resolutions": [{"function_name": "hello", "capability": "bye", "status": "postponed"}],
    "created_at": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T00:00:00Z"}],
    "count": 1, "timestamp": "2026-01-01T00:00:00Z"}"#;

/// What `meshctl` says of a registry that answers every question with `script`.
fn told(arguments: &[&str], script: &Script) -> String {
    let script = script.clone();
    let server = ScriptedServer::start(move |_| script.clone());
    let context = test_context!();
    let mut command = context.meshctl();
    command
        .args(arguments)
        .args(["--registry-url", &server.url()]);
    let output = command.output().expect("meshctl can be run");
    String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8")
}

fn listed(answer: &str) -> serde_json::Value {
    let listed = told(&["list", "--all", "--json"], &Script::json(answer));
    serde_json::from_str(&listed).unwrap_or_else(|error| panic!("{error}: {listed}"))
}

#[test]
fn what_an_early_registry_leaves_out_is_not_missed() {
    let agent = &listed(TERSE)["agents"][0];
    assert_eq!(agent["status"], "healthy");
    assert_eq!(agent["tools"], serde_json::json!([]));
    let status = told(&["status", "greeter"], &Script::json(TERSE));
    assert!(status.contains("http://10.0.0.1:9000"), "{status}");
}

#[test]
fn what_a_later_registry_adds_hides_nothing() {
    let agent = &listed(WORDY)["agents"][0];
    assert_eq!(agent["status"], "unknown");
    assert_eq!(agent["tools"][0]["name"], "hello");
    assert_eq!(agent["dependency_resolutions"][0]["status"], "unresolved");
    let status = told(&["status", "greeter"], &Script::json(WORDY));
    assert!(status.contains("unknown"), "{status}");
}

#[test]
fn what_is_no_registry_is_not_taken_for_one() {
    let context = test_context!();
    let mut said = String::new();
    for answer in [
        Script::body(200, "text/html", "<h1>It works!</h1>"),
        Script::json("[]"),
        Script::status(404),
        Script::status(200),
    ] {
        said.push_str(&told(&["status"], &answer));
    }
    let filters = context.filters();
    let mut filters: Vec<_> = filters
        .iter()
        .map(|(pattern, name)| (pattern.as_str(), name.as_str()))
        .collect();
    filters.push((r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"));
    insta::with_settings!({ filters => filters }, {
        insta::assert_snapshot!(said, @r"
        Error: the answer of `http://127.0.0.1:[PORT]/agents` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        Error: the answer of `http://127.0.0.1:[PORT]/agents` is not understood: invalid length 1, expected struct AgentList with 3 elements at line 1 column 2
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        Error: the registry at `http://127.0.0.1:[PORT]` refused the request with 404: not found
        Error: the answer of `http://127.0.0.1:[PORT]/agents` is not understood: EOF while parsing a value at line 1 column 0
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        ");
    });
}
