//! `meshctl audit`, `schema diff`, `list --services` and `list --schemas`.

use std::thread;
use std::time::{Duration, Instant};

use mesh_core::schema::{Canonical, canonicalize};
use mesh_core::wire::{Registration, Tool};
use mesh_test::{TestContext, assert_matches_schema, fake, mesh_snapshot, test_context};
use serde_json::{Value, json};

use crate::schemas::schema as schema_of;

fn tool(name: &str, capability: &str, tag: &str) -> Tool {
    let mut tool = fake::tool(name);
    capability.clone_into(&mut tool.capability);
    tool.tags = vec![tag.to_owned()];
    tool
}

fn agent(name: &str, port: u16, tools: Vec<Tool>) -> Registration {
    fake::agent(name, &format!("http://127.0.0.1:{port}"), tools)
}

/// A planner that wants a metric forecast, which the first of two has until it leaves.
fn mesh() -> TestContext {
    let plan = json!({
        "function_name": "plan", "capability": "plan", "version": "1.0.0",
        "dependencies": [{ "capability": "forecast", "tags": ["metric"] }],
    });
    let plan = serde_json::from_value(plan).expect("a tool");
    test_context!()
        .with_registration(&agent("celsius", 1, vec![tool("f", "forecast", "metric")]))
        .with_registration(&agent("kelvin", 2, vec![tool("f", "forecast", "absolute")]))
        .with_registration(&agent("planner", 3, vec![plan]))
}

fn leave(context: &TestContext, agent: &str) {
    let mut connection = context.registry().connect().expect("the registry listens");
    let answer = connection.send("DELETE", &format!("/agents/{agent}"), b"");
    assert_eq!(answer.expect("an answer").status, 204);
}

fn json_of(context: &TestContext, arguments: &[&str]) -> Value {
    let output = context.meshctl().args(arguments).arg("--json").output();
    let output = output.expect("meshctl can be run");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Waits until the registry has written down so many decisions; it does so after it has answered.
fn decided(context: &TestContext, count: usize) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let report = json_of(context, &["audit", "planner"]);
        if report["count"] == count {
            return report;
        }
        assert!(Instant::now() < deadline, "{report:#}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_audit_tells_what_was_chosen_and_why() {
    let context = mesh();
    leave(&context, "celsius");
    let report = decided(&context, 2);
    let newest = &report["events"][0];
    assert_eq!(newest["event_type"], "dependency_unresolved");
    assert_eq!(newest["trace"]["spec"]["capability"], "forecast");
    assert_eq!(newest["trace"]["prior_chosen"], "celsius");
    assert_eq!(newest["data"]["consumer"], "planner");
    mesh_snapshot!(context, context.meshctl().args(["audit", "plan"]), @r"
        exit: 0
        ----- stdout -----
        Decisions about dependencies of planner (2 shown)

        TIMESTAMP             DEP  FUNCTION  CHOSEN        CANDIDATES  CHANGE
        ------------------------------------------------------------------------------
        [TIMESTAMP]  [0]  plan      (unresolved)  2 → 0       (lost: celsius)
        [TIMESTAMP]  [0]  plan      celsius       2 → 1
        ----- stderr -----
        ");
    mesh_snapshot!(context, context.meshctl().args(["audit", "planner", "--explain"]), @r"
        exit: 0
        ----- stdout -----
        Decisions about dependencies of planner (2 shown)

        [TIMESTAMP]  dep[0]  capability=forecast  function=plan
          spec: tags=metric
          ├─ health  [kept 1, evicted 1]
          │    kept: kelvin:f
          │    ✗ celsius:f — Unhealthy (status=unhealthy)
          ├─ capability_match  [kept 1]
          │    kept: kelvin:f
          ├─ tags  [kept 0, evicted 1]
          │    ✗ kelvin:f — MissingTag (missing=metric)
          └─ ✗ nobody is left
             before: celsius

        [TIMESTAMP]  dep[0]  capability=forecast  function=plan
          spec: tags=metric
          ├─ health  [kept 2]
          │    kept: celsius:f, kelvin:f
          ├─ capability_match  [kept 2]
          │    kept: celsius:f, kelvin:f
          ├─ tags  [kept 1, evicted 1]
          │    kept: celsius:f
          │    ✗ kelvin:f — MissingTag (missing=metric)
          ├─ version  [kept 1]
          │    kept: celsius:f
          ├─ tiebreaker  [kept 1]
          │    chosen: celsius:f (HighestScoreThenVersion)
          └─ ✓ chosen: celsius  endpoint=http://127.0.0.1:1  function=f
        ----- stderr -----
        ");
    assert_eq!(
        json_of(&context, &["audit", "planner", "--dep", "1"])["count"],
        0
    );
    let resolved = ["audit", "planner", "--include-unresolved=false"];
    assert_eq!(json_of(&context, &resolved)["count"], 1);
    assert_eq!(
        json_of(&context, &["audit", "planner", "--limit", "1"])["count"],
        1
    );
    mesh_snapshot!(context, context.meshctl().args(["audit", "kelvin"]), @r"
        exit: 0
        ----- stdout -----
        No decisions about dependencies of kelvin
        ----- stderr -----
        Only decisions between several candidates, and changes, are written down.
        ");
    mesh_snapshot!(context, context.meshctl().args(["audit", "plannr"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no agent found matching 'plannr'
        Hint: did you mean `planner`?
        ");
}

#[test]
fn schemas_are_listed_and_compared() {
    let schema = |day: &str| {
        let fields = json!({ "city": { "type": "string" }, "day": { "type": day } });
        let schema = json!({ "properties": fields, "required": ["city"], "type": "object" });
        canonicalize(&schema.to_string())
    };
    let (first, second) = (schema("integer"), schema("string"));
    let publishing = |name: &str, schema: &Canonical| {
        let mut tool = serde_json::to_value(tool(name, name, "x")).expect("JSON");
        tool["inputSchemaCanonical"] = serde_json::from_str(&schema.canonical).expect("JSON");
        tool["inputSchemaHash"] = json!(schema.hash);
        serde_json::from_value(tool).expect("a tool")
    };
    let context = test_context!().with_registration(&agent(
        "planner",
        1,
        vec![publishing("one", &first), publishing("two", &second)],
    ));
    let listed = json_of(&context, &["list", "--schemas"]);
    assert_eq!(listed["count"], 2);
    let hashes = [first.hash.as_str(), second.hash.as_str()];
    assert_matches_schema(
        &schema_of("schema-diff"),
        &json_of(&context, &["schema", "diff", hashes[0], hashes[1]]),
    );
    mesh_snapshot!(context, context.meshctl().args(["schema", "diff", hashes[0], hashes[1]]), @r"
        exit: 0
        ----- stdout -----
        A: sha256:b1173a192694a57555ed95399fb55c78f9f250ac243dc0ccbcbab70b7326bcb5 (python)
        B: sha256:4204593f5c48d2085c61b8eae0601ba9722863eb7b1407427e4c5bb6f0ddd644 (python)

        ~ day: integer → string
        ----- stderr -----
        ");
    let report = json_of(&context, &["schema", "diff", hashes[0], hashes[1]]);
    assert_eq!(
        report["diff"]["type_changed"],
        json!([{ "name": "day", "type_a": "integer", "type_b": "string" }])
    );
    assert_eq!(report["diff"]["hash_equal"], false);
    let same = json_of(&context, &["schema", "diff", hashes[0], hashes[0]]);
    assert_eq!(same["diff"]["hash_equal"], true);
    mesh_snapshot!(context, context.meshctl().args(["schema", "diff", "nonsense", hashes[0]]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: schema not found: nonsense
        Hint: `meshctl list --schemas` shows those that agents published
        ");
}

#[test]
fn services_are_capabilities_with_a_dot() {
    let context = test_context!().with_registration(&agent(
        "album",
        1,
        vec![
            tool("caption", "media.caption", "x"),
            tool("crop", "media.crop", "x"),
            tool("hello", "hello", "x"),
        ],
    ));
    mesh_snapshot!(context, context.meshctl().args(["list", "--services"]), @r"
        exit: 0
        ----- stdout -----
        SERVICE  METHOD   AGENT  STATUS
        ----------------------------------
        media    caption  album  available
        media    crop     album  available

        1 other capability, without a dot in its name; `meshctl list --tools` shows it
        ----- stderr -----
        ");
    assert_eq!(
        json_of(&context, &["list", "--services"]),
        json!({
            "services": [{ "service": "media", "methods": [
                { "method": "caption", "capability": "media.caption", "providers": [
                    { "agent_id": "album", "agent_name": "album", "available": true } ] },
                { "method": "crop", "capability": "media.crop", "providers": [
                    { "agent_id": "album", "agent_name": "album", "available": true } ] },
            ] }],
            "ungrouped": [{ "method": "hello", "capability": "hello", "providers": [
                { "agent_id": "album", "agent_name": "album", "available": true } ] }],
        })
    );
}
