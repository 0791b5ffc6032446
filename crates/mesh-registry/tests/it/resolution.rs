//! Who wins.

use serde_json::{Value, json};

use crate::registry::{Registry, consumer};

/// The id of the provider that `need` is wired to, or "".
async fn winner(providers: &[(&str, &str, &[&str])], need: Value) -> String {
    let registry = Registry::new().await;
    for (id, version, tags) in providers {
        let tool =
            json!({ "function_name": "f", "capability": "c", "version": version, "tags": tags });
        let agent = json!({ "agent_id": id, "http_host": "h", "http_port": 1, "tools": [tool] });
        registry.register(&agent).await;
    }
    let answer = registry.register(&consumer("user", &json!([need]))).await;
    answer["dependencies_resolved"]["use"][0]["agent_id"]
        .as_str()
        .expect("an id or the empty text")
        .to_owned()
}

#[tokio::test]
async fn tags_decide_before_versions_and_versions_before_ids() {
    let mesh: &[(&str, &str, &[&str])] = &[
        ("zeta", "1.0.0", &["claude", "opus"]),
        ("alpha", "1.0.0", &["claude"]),
        ("beta", "9.9.9", &["claude", "experimental"]),
    ];
    for (need, expected) in [
        (json!({ "capability": "c" }), "beta"),
        (json!({ "capability": "c", "tags": ["+opus"] }), "zeta"),
        (
            json!({ "capability": "c", "tags": ["claude", "-experimental"] }),
            "alpha",
        ),
        (
            json!({ "capability": "c", "tags": [["opus", "experimental"]] }),
            "beta",
        ),
        (
            json!({ "capability": "c", "tags": [["+opus", "experimental"]] }),
            "zeta",
        ),
        (json!({ "capability": "c", "version": "^1.0.0" }), "alpha"),
        (json!({ "capability": "c", "version": ">=10" }), ""),
        (json!({ "capability": "c", "tags": ["gpt"] }), ""),
        (json!({ "capability": "other" }), ""),
    ] {
        assert_eq!(winner(mesh, need.clone()).await, expected, "{need}");
    }
}

#[tokio::test]
async fn of_two_functions_the_first_by_name_wins() {
    let registry = Registry::new().await;
    let tools = json!([
        { "function_name": "zebra", "capability": "c" },
        { "function_name": "ant", "capability": "c" },
    ]);
    registry
        .register(&json!({ "agent_id": "a", "tools": tools }))
        .await;
    let answer = registry
        .register(&consumer("user", &json!([{ "capability": "c" }])))
        .await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["function_name"],
        "ant"
    );
}

#[tokio::test]
async fn an_agent_may_be_wired_to_itself() {
    let registry = Registry::new().await;
    let answer = registry
        .register(&consumer("self-1", &json!([{ "capability": "use" }])))
        .await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["agent_id"],
        "self-1"
    );
}

#[tokio::test]
async fn an_agent_behind_tls_is_found_at_https_and_after_a_restart_too() {
    let registry = Registry::new().await;
    registry
        .register(&json!({ "agent_id": "vault-1", "http_scheme": "https",
            "http_host": "vault", "http_port": 8443,
            "tools": [{ "function_name": "open", "capability": "open",
                "inputSchema": { "type": "object" } }] }))
        .await;
    let registry = registry.restart(std::time::Duration::from_secs(1)).await;
    let mut user = consumer("user", &json!([{ "capability": "open" }]));
    user["tools"][0]["llm_filter"] =
        json!({ "filter": [{ "capability": "open" }], "filter_mode": "all" });
    let answer = registry.register(&user).await;
    let endpoint = json!("https://vault:8443");
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["endpoint"],
        endpoint
    );
    assert_eq!(answer["llm_tools"]["use"][0]["endpoint"], endpoint);
    let listed = registry.get("/agents").await;
    let mut endpoints: Vec<_> = listed["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| &agent["endpoint"])
        .collect();
    endpoints.sort_by_key(ToString::to_string);
    assert_eq!(endpoints, ["http://127.0.0.1:9002", "https://vault:8443"]);
}

#[tokio::test]
async fn a_tool_without_a_capability_is_wired_but_not_listed() {
    let registry = Registry::new().await;
    registry
        .register(&json!({ "agent_id": "p", "tools": [
        { "function_name": "f", "capability": "c" }] }))
        .await;
    let gateway = json!({ "agent_id": "api-1", "agent_type": "api", "tools": [
        { "function_name": "GET:/x", "capability": "", "dependencies": [{ "capability": "c" }] }] });
    let answer = registry.register(&gateway).await;
    assert_eq!(
        answer["dependencies_resolved"]["GET:/x"][0]["agent_id"],
        "p"
    );
    let listed = &registry.get("/agents?type=api").await["agents"][0];
    assert_eq!(listed["capabilities"], json!([]));
    assert_eq!(listed["dependencies_resolved"], 1);
}

#[tokio::test]
async fn tags_and_versions_follow_the_table() {
    for (tags, version, need, suits) in [
        (
            &["claude", "opus"][..],
            "1.0.0",
            json!({ "tags": ["claude"] }),
            true,
        ),
        (
            &["claude", "sonnet"],
            "1.0.0",
            json!({ "tags": ["claude", "+opus"] }),
            true,
        ),
        (
            &["claude", "experimental"],
            "1.0.0",
            json!({ "tags": ["claude", "-experimental"] }),
            false,
        ),
        (&["claude"], "1.0.0", json!({ "tags": ["-gpt"] }), true),
        (
            &["llm"],
            "1.0.0",
            json!({ "tags": ["llm", ["python", "typescript"]] }),
            false,
        ),
        (
            &["llm", "python"],
            "1.0.0",
            json!({ "tags": ["llm", ["python", "typescript"]] }),
            true,
        ),
        (&["any"], "1.0.0", json!({}), true),
        (&[], "1.2.3", json!({ "version": ">=1.0.0" }), true),
        (&[], "2.0.0", json!({ "version": "^1.0.0" }), false),
        (&[], "4.6.1", json!({ "version": "4.6.0" }), false),
        (&[], "4.6.1", json!({ "version": "~4.6.0" }), true),
        (&[], "latest", json!({ "version": ">=1.0.0" }), false),
        (&[], "latest", json!({ "version": "" }), true),
    ] {
        let mut need = need;
        need["capability"] = json!("c");
        let found = winner(&[("p-1", version, tags)], need.clone()).await;
        assert_eq!(
            found,
            if suits { "p-1" } else { "" },
            "{tags:?} {version} {need}"
        );
    }
}

#[tokio::test]
async fn ranks_follow_the_table() {
    let any = json!({ "capability": "c" });
    let versions: &[(&str, &str, &[&str])] = &[
        ("a", "4.6.0", &[]),
        ("b", "5.0.0", &[]),
        ("c", "4.7.0", &[]),
    ];
    assert_eq!(winner(versions, any.clone()).await, "b");
    let scores: &[(&str, &str, &[&str])] = &[("a", "9.9.9", &["x"]), ("b", "1.0.0", &["x", "y"])];
    let need = json!({ "capability": "c", "tags": ["x", "+y"] });
    assert_eq!(winner(scores, need).await, "b");
    let ids: &[(&str, &str, &[&str])] = &[("zeta", "1.0.0", &[]), ("alpha", "1.0.0", &[])];
    assert_eq!(winner(ids, any).await, "alpha");
}
