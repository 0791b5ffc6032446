//! What LLM functions are given: tools that their filters select, and a provider.

use axum::http::Method;
use serde_json::{Value, json};

use crate::registry::{Registry, consumer, provider};

/// A tool that can be called on behalf of an LLM.
fn tool(function: &str, capability: &str, tags: &[&str]) -> Value {
    json!({
        "function_name": function, "capability": capability, "tags": tags,
        "inputSchema": { "type": "object" },
    })
}

fn agent(id: &str, tools: &[Value]) -> Value {
    json!({ "agent_id": id, "http_host": "10.0.0.8", "http_port": 9000, "tools": tools })
}

fn versioned(mut tool: Value, version: &str) -> Value {
    tool["version"] = json!(version);
    tool
}

/// An agent whose one LLM function asks for `filter`; it has a tool of its own that would match.
fn asker(filter: &Value) -> Value {
    let mut chat = tool("chat", "chat", &[]);
    chat["llm_filter"] = filter.clone();
    agent("asker-1", &[chat, tool("own", "calc", &["x", "y"])])
}

fn thinker(provider: &Value) -> Value {
    json!({ "agent_id": "asker-1", "tools": [
        { "function_name": "chat", "capability": "chat", "llm_provider": provider }] })
}

/// A mesh of tools that agree in some things and differ in others.
async fn mesh() -> Registry {
    let registry = Registry::new().await;
    for agent in [
        agent(
            "b-1",
            &[
                versioned(tool("add", "calc", &["x"]), "1.0.0"),
                versioned(tool("sub", "calc", &["x", "y"]), "2.0.0"),
                tool("zed", "other", &["y"]),
            ],
        ),
        agent(
            "a-1",
            &[versioned(tool("add", "calc", &["x", "fast"]), "3.0.0")],
        ),
        // Without an input schema nothing can be called on behalf of an LLM.
        provider("silent-1", &["calc", "other"]),
    ] {
        registry.register(&agent).await;
    }
    registry
}

/// Name and version of each tool that `filter` selects.
async fn selected(registry: &Registry, filter: &Value) -> Vec<String> {
    let answer = registry.register(&asker(filter)).await;
    let tools = answer["llm_tools"]["chat"].as_array();
    tools
        .unwrap_or_else(|| panic!("{filter} has its key: {answer}"))
        .iter()
        .map(|tool| format!("{} {}", tool["name"], tool["version"]))
        .map(|tool| tool.replace('"', ""))
        .collect()
}

#[tokio::test]
async fn filters_select_tools_in_a_certain_order() {
    let registry = mesh().await;
    for (filter, expected) in [
        (json!(["calc"]), &["add 3.0.0", "sub 2.0.0"][..]),
        (
            json!(["other", "calc"]),
            &["zed 1.0.0", "add 3.0.0", "sub 2.0.0"],
        ),
        (json!(["*"]), &["add 3.0.0", "sub 2.0.0", "zed 1.0.0"]),
        (json!([{}]), &["add 3.0.0", "sub 2.0.0", "zed 1.0.0"]),
        (json!([{ "tags": ["y"] }]), &["sub 2.0.0", "zed 1.0.0"]),
        (json!([{ "tags": ["y", "-x"] }]), &["zed 1.0.0"]),
        (
            json!([{ "tags": [["fast", "y"]] }]),
            &["add 3.0.0", "sub 2.0.0", "zed 1.0.0"],
        ),
        // The better match comes first, and only the best of one name is shown.
        (
            json!([{ "capability": "calc", "tags": ["+y"] }]),
            &["sub 2.0.0", "add 3.0.0"],
        ),
        (
            json!([{ "capability": "calc", "version": "<3" }]),
            &["add 1.0.0", "sub 2.0.0"],
        ),
        (
            json!([{ "capability": "calc", "version": "^9" }, "other"]),
            &["zed 1.0.0"],
        ),
        (json!(["nobody"]), &[]),
        (json!([""]), &[]),
        (json!([]), &[]),
    ] {
        let filter = json!({ "filter": filter });
        assert_eq!(selected(&registry, &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn modes_decide_what_becomes_of_the_matches() {
    let registry = mesh().await;
    let more_tags = tool("zoo", "other", &["y", "z"]);
    registry.register(&agent("c-1", &[more_tags])).await;
    for (filter, mode, expected) in [
        (
            json!(["other", "calc"]),
            "best_match",
            &["add 3.0.0", "zoo 1.0.0"][..],
        ),
        (
            json!([{ "tags": ["y"] }]),
            "best_match",
            &["sub 2.0.0", "zoo 1.0.0"],
        ),
        (json!([]), "best_match", &[]),
        (
            json!([]),
            "*",
            &["add 3.0.0", "sub 2.0.0", "zed 1.0.0", "zoo 1.0.0"],
        ),
        (
            json!(["nobody"]),
            "*",
            &["add 3.0.0", "sub 2.0.0", "zed 1.0.0", "zoo 1.0.0"],
        ),
        (json!(["other"]), "all", &["zed 1.0.0", "zoo 1.0.0"]),
    ] {
        let filter = json!({ "filter": filter, "filter_mode": mode });
        assert_eq!(selected(&registry, &filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_tool_is_described_as_its_agent_described_it() {
    let registry = Registry::new().await;
    let body = r#"{"agent_id":"calc-1","http_host":"0.0.0.0","http_port":9000,"tools":[
        {"function_name":"add","capability":"calc","description":"adds","tags":["x"],
         "inputSchema":{ "type": "object", "b": 1.50, "a": [ ] },"kwargs":{"k":1}}]}"#;
    let reply = registry.send(Method::POST, "/heartbeat", body).await;
    assert_eq!(reply.status, 200);
    let asker = asker(&json!({ "filter": ["calc"] })).to_string();
    let first = registry
        .send(Method::POST, "/heartbeat", asker.clone())
        .await;
    let expected = concat!(
        r#""llm_tools":{"chat":[{"name":"add","capability":"calc","description":"adds","#,
        r#""endpoint":"http://localhost:9000","#,
        r#""inputSchema":{"type":"object","b":1.50,"a":[]},"tags":["x"],"version":"1.0.0"}]}"#,
    );
    assert!(first.text.contains(expected), "{}", first.text);

    let mut again = asker.trim_end_matches('}').to_owned();
    again.push_str(r#","description":"changed"}"#);
    let second = registry.send(Method::POST, "/heartbeat", again).await;
    assert!(second.text.contains(expected), "{}", second.text);
}

#[tokio::test]
async fn a_malformed_filter_has_no_key_and_a_warning() {
    let registry = mesh().await;
    for (filter, warning) in [
        (
            json!({ "filter": "calc" }),
            "`llm_filter` of the tool `chat`: `filter` is a text, not a list; no tools are selected",
        ),
        (
            json!({ "filter_mode": "*" }),
            "`llm_filter` of the tool `chat`: `filter` is missing, send a list (`[]` for no tools); \
             no tools are selected",
        ),
        (
            json!({ "filter": ["calc", 3] }),
            "`llm_filter` of the tool `chat`: `filter[1]` is a number, neither a capability's name \
             nor an object; no tools are selected",
        ),
    ] {
        let answer = registry.register(&asker(&filter)).await;
        assert_eq!(answer["llm_tools"], json!({}), "{filter}");
        assert_eq!(answer["warnings"], json!([warning]));
        let listed = registry.get("/agents?capabilities=chat").await;
        assert_eq!(listed["agents"][0]["llm_tool_resolutions"], json!([]));
    }
    let answer = registry
        .register(&asker(&json!({ "filter": [], "filter_mode": "some" })))
        .await;
    assert_eq!(answer["llm_tools"], json!({ "chat": [] }));
    assert_eq!(
        answer["warnings"],
        json!([
            "`llm_filter` of the tool `chat`: `filter_mode` is `some`, none of `all`, `best_match`, \
             `*`; `all` is used"
        ])
    );
}

#[tokio::test]
async fn what_has_no_sense_for_anybody_is_a_bad_request() {
    let registry = Registry::new().await;
    for (field, value, error) in [
        (
            "inputSchema",
            json!(5),
            "`inputSchema` of the tool `chat`: invalid type",
        ),
        (
            "llm_provider",
            json!({ "capability": "llm", "tags": "claude" }),
            "`llm_provider` of the tool `chat`: invalid type",
        ),
        (
            "llm_provider",
            json!({ "capability": "llm", "version": 3 }),
            "`llm_provider` of the tool `chat`: invalid type",
        ),
    ] {
        let mut chat = tool("chat", "chat", &[]);
        chat[field] = value;
        let body = agent("asker-1", &[chat]).to_string();
        let reply = registry.send(Method::POST, "/heartbeat", body).await;
        assert_eq!(reply.status, 400);
        let text = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(
            text.starts_with(&format!("Invalid JSON payload: {error}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_best_provider_does_the_thinking() {
    let registry = Registry::new().await;
    let mut claude = tool("think", "llm", &["claude"]);
    claude["kwargs"] = json!({ "vendor": "anthropic", "a": 1 });
    let stream = tool("think_stream", "llm", &["claude", "ai.mcpmesh.stream"]);
    for agent in [
        agent("claude-1", &[versioned(stream, "3.0.0"), claude]),
        agent(
            "gpt-1",
            &[versioned(tool("think", "llm", &["gpt"]), "2.0.0")],
        ),
        agent(
            "gpt-0",
            &[versioned(tool("reason", "llm", &["gpt"]), "2.0.0")],
        ),
        provider("silent-1", &["llm"]),
    ] {
        registry.register(&agent).await;
    }
    for (need, expected) in [
        (json!({ "capability": "llm" }), "claude-1/think_stream"),
        (
            json!({ "capability": "llm", "tags": ["-ai.mcpmesh.stream"] }),
            "gpt-0/reason",
        ),
        (
            json!({ "capability": "llm", "tags": ["+claude", "-ai.mcpmesh.stream"], "version": "",
                "namespace": "default" }),
            "claude-1/think",
        ),
        (
            json!({ "capability": "llm", "tags": ["ai.mcpmesh.stream"] }),
            "claude-1/think_stream",
        ),
        (
            json!({ "capability": "llm", "version": "<3" }),
            "gpt-0/reason",
        ),
        (json!({ "capability": "llm", "tags": ["gemini"] }), ""),
        (json!({ "capability": "other" }), ""),
        (json!({ "tags": ["claude"] }), ""),
    ] {
        let answer = registry.register(&thinker(&need)).await;
        let found = &answer["llm_providers"]["chat"];
        let names = (found["agent_id"].as_str()).zip(found["name"].as_str());
        let found = names.map_or(String::new(), |(agent, name)| format!("{agent}/{name}"));
        assert_eq!(found, expected, "{need}");
        assert_eq!(answer.get("llm_providers").is_some(), !expected.is_empty());
    }
    let need = json!({ "capability": "llm", "tags": ["+claude", "-ai.mcpmesh.stream"] });
    let answer = registry.register(&thinker(&need)).await;
    insta::assert_json_snapshot!(answer["llm_providers"]["chat"], @r#"
    {
      "agent_id": "claude-1",
      "capability": "llm",
      "endpoint": "http://10.0.0.8:9000",
      "kwargs": {
        "a": 1,
        "vendor": "anthropic"
      },
      "name": "think",
      "status": "available",
      "tags": [
        "claude"
      ],
      "vendor": "anthropic",
      "version": "1.0.0"
    }
    "#);
    let answer = registry
        .register(&thinker(&json!({ "capability": "llm" })))
        .await;
    assert_eq!(answer["llm_providers"]["chat"]["vendor"], "unknown");
}

#[tokio::test]
async fn a_listing_shows_what_llm_functions_were_given() {
    let registry = mesh().await;
    let mut chat = tool("chat", "chat", &[]);
    chat["llm_filter"] = json!({ "filter": [{ "capability": "calc", "tags": ["+y"] }, "other"] });
    chat["llm_provider"] = json!({ "capability": "llm", "tags": ["+claude"] });
    let mut idle = tool("idle", "idle", &[]);
    idle["llm_filter"] = json!({ "filter": ["nobody"], "filter_mode": "best_match" });
    registry.register(&agent("asker-1", &[chat, idle])).await;
    let listed = registry.get("/agents?capabilities=chat").await;
    let listed = &listed["agents"][0];
    insta::assert_json_snapshot!(listed["llm_tool_resolutions"], @r#"
    [
      {
        "endpoint": "http://10.0.0.8:9000",
        "filter_capability": "calc",
        "filter_mode": "all",
        "filter_tags": [
          "+y"
        ],
        "function_name": "chat",
        "mcp_tool": "sub",
        "provider_agent_id": "b-1",
        "provider_capability": "calc",
        "status": "available"
      },
      {
        "endpoint": "http://10.0.0.8:9000",
        "filter_capability": "calc",
        "filter_mode": "all",
        "filter_tags": [
          "+y"
        ],
        "function_name": "chat",
        "mcp_tool": "add",
        "provider_agent_id": "a-1",
        "provider_capability": "calc",
        "status": "available"
      },
      {
        "endpoint": "http://10.0.0.8:9000",
        "filter_capability": "other",
        "filter_mode": "all",
        "function_name": "chat",
        "mcp_tool": "zed",
        "provider_agent_id": "b-1",
        "provider_capability": "other",
        "status": "available"
      },
      {
        "filter_capability": "nobody",
        "filter_mode": "best_match",
        "function_name": "idle",
        "status": "unresolved"
      }
    ]
    "#);
    insta::assert_json_snapshot!(listed["llm_provider_resolutions"], @r#"
    [
      {
        "function_name": "chat",
        "required_capability": "llm",
        "required_tags": [
          "+claude"
        ],
        "status": "unresolved"
      }
    ]
    "#);
}

#[tokio::test]
async fn an_llm_function_hears_of_tools_that_its_filter_selects() {
    for filter in [
        json!({ "filter": ["calc"] }),
        json!({ "filter": [{ "tags": ["x"] }] }),
        json!({ "filter": [{ "capability": "*", "tags": ["x"] }], "filter_mode": "best_match" }),
    ] {
        let registry = Registry::new().await;
        registry.register(&asker(&filter)).await;
        assert_eq!(registry.ping("asker-1").await, 200, "{filter}");

        let calc = agent("calc-1", &[tool("add", "calc", &["x"])]);
        registry.register(&calc).await;
        assert_eq!(registry.ping("asker-1").await, 202, "it joins: {filter}");
        registry.register(&asker(&filter)).await;
        assert_eq!(registry.ping("asker-1").await, 200, "{filter}");

        // Neither an unrelated tool nor the same tool of another agent changes the answer.
        let other = agent("other-1", &[tool("zed", "other", &["y"])]);
        registry.register(&other).await;
        registry.leave("other-1").await;
        registry
            .register(&agent("calc-2", &[tool("add", "calc", &["x"])]))
            .await;
        registry.register(&provider("silent-1", &["calc"])).await;
        assert_eq!(registry.ping("asker-1").await, 200, "unrelated: {filter}");

        // A change that shows does, and one that does not show does not.
        let mut renamed = calc.clone();
        renamed["description"] = json!("not a part of the answer");
        registry.register(&renamed).await;
        assert_eq!(registry.ping("asker-1").await, 200, "{filter}");
        renamed["tools"][0]["inputSchema"] = json!({ "type": "object", "properties": {} });
        registry.register(&renamed).await;
        assert_eq!(
            registry.ping("asker-1").await,
            202,
            "its schema changes: {filter}"
        );
        registry.register(&asker(&filter)).await;

        // The twin takes the place of the one that leaves.
        registry.leave("calc-1").await;
        assert_eq!(registry.ping("asker-1").await, 202, "it leaves: {filter}");
        assert_eq!(selected(&registry, &filter).await, ["add 1.0.0"]);
        registry.leave("calc-2").await;
        assert_eq!(
            registry.ping("asker-1").await,
            202,
            "the last one leaves: {filter}"
        );
        assert_eq!(selected(&registry, &filter).await, Vec::<String>::new());
        assert_eq!(registry.ping("asker-1").await, 200);
    }
}

#[tokio::test]
async fn everything_means_everything_but_ones_own() {
    let registry = Registry::new().await;
    let filter = json!({ "filter": [], "filter_mode": "*" });
    assert_eq!(selected(&registry, &filter).await, Vec::<String>::new());
    registry.register(&provider("silent-1", &["calc"])).await;
    assert_eq!(registry.ping("asker-1").await, 200);
    registry
        .register(&agent("other-1", &[tool("zed", "other", &[])]))
        .await;
    assert_eq!(registry.ping("asker-1").await, 202);
    assert_eq!(selected(&registry, &filter).await, ["zed 1.0.0"]);
}

#[tokio::test]
async fn what_lacks_its_required_dependency_is_nobodys_tool_or_provider() {
    let registry = Registry::new().await;
    let needs_time = |function: &str, capability: &str| {
        let mut tool = tool(function, capability, &[]);
        tool["dependencies"] = json!([{ "capability": "time", "required": true }]);
        tool
    };
    let both = agent(
        "both-1",
        &[needs_time("add", "calc"), needs_time("think", "llm")],
    );
    registry.register(&both).await;
    for filter in [
        json!({ "filter": ["calc"] }),
        json!({ "filter": [{}], "filter_mode": "best_match" }),
        json!({ "filter": [], "filter_mode": "*" }),
    ] {
        let mut asker = asker(&filter);
        asker["tools"][0]["llm_provider"] = json!({ "capability": "llm" });
        let answer = registry.register(&asker).await;
        assert_eq!(answer["llm_tools"], json!({ "chat": [] }));
        assert!(answer.get("llm_providers").is_none());

        registry.register(&provider("clock-1", &["time"])).await;
        assert_eq!(registry.ping("asker-1").await, 202, "{filter}");
        let answer = registry.register(&asker).await;
        assert_eq!(answer["llm_tools"]["chat"][0]["name"], "add");
        assert_eq!(answer["llm_providers"]["chat"]["name"], "think");
        registry.leave("clock-1").await;
        assert_eq!(registry.ping("asker-1").await, 202, "{filter}");
    }
}

#[tokio::test]
async fn an_llm_function_hears_of_its_provider() {
    let registry = Registry::new().await;
    let need = thinker(&json!({ "capability": "llm", "tags": ["-ai.mcpmesh.stream"] }));
    registry.register(&need).await;
    registry.register(&provider("clock-1", &["time"])).await;
    let stream = tool("think_stream", "llm", &["ai.mcpmesh.stream"]);
    registry.register(&agent("a-1", &[stream])).await;
    assert_eq!(
        registry.ping("asker-1").await,
        200,
        "a stream is not asked for"
    );
    registry
        .register(&agent("b-1", &[tool("think", "llm", &[])]))
        .await;
    assert_eq!(registry.ping("asker-1").await, 202);
    let answer = registry.register(&need).await;
    assert_eq!(answer["llm_providers"]["chat"]["name"], "think");
    registry.leave("b-1").await;
    assert_eq!(registry.ping("asker-1").await, 202);
    assert!(
        registry
            .register(&need)
            .await
            .get("llm_providers")
            .is_none()
    );
}

#[tokio::test]
async fn dependencies_and_llm_needs_of_one_agent_change_apart() {
    let registry = Registry::new().await;
    let mut both = consumer("both-1", &json!([{ "capability": "time" }]));
    both["tools"][0]["llm_filter"] = json!({ "filter": ["calc"] });
    registry.register(&both).await;
    registry
        .register(&agent("calc-1", &[tool("add", "calc", &[])]))
        .await;
    assert_eq!(registry.ping("both-1").await, 202);
    registry.register(&both).await;
    registry.register(&provider("clock-1", &["time"])).await;
    assert_eq!(registry.ping("both-1").await, 202);
    let answer = registry.register(&both).await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["agent_id"],
        "clock-1"
    );
    assert_eq!(answer["llm_tools"]["use"][0]["name"], "add");
}

#[tokio::test]
async fn a_restart_gives_llm_functions_the_same_answer() {
    let registry = mesh().await;
    let asker = asker(&json!({ "filter": ["*"], "filter_mode": "best_match" }));
    let before = registry.register(&asker).await;
    let registry = registry.crash().await;
    let after = registry.register(&asker).await;
    assert_eq!(before["llm_tools"], after["llm_tools"]);
    assert!(!before["llm_tools"]["chat"].as_array().unwrap().is_empty());
}
