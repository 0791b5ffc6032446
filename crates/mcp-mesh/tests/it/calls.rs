//! `meshctl call` of what cannot be called, with what cannot be sent, and of agents that fail.

use std::time::Duration;

use mesh_test::{Request, Script, ScriptedServer, TestContext, fake, mesh_snapshot, test_context};

/// What the agent answers when its tool of that name is called.
fn answer(tool: &str) -> Script {
    match tool {
        "refuse" => Script::json(
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no such seat","data":{"seat":"12A"}}}"#,
        ),
        "fail" => Script::json(
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"sold out"}],"isError":true}}"#,
        ),
        "explode" => Script::body(500, "text/plain", "the kettle exploded"),
        "page" => Script::body(200, "text/html", "<h1>Welcome</h1>\n"),
        "cut" => Script::events().chunk(": working\n\n").end(),
        "stall" => Script::events()
            .chunk(": working\n\n")
            .pause(Duration::from_mins(1)),
        "gone" => Script::default().close(),
        _ => Script::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#),
    }
}

const TOOLS: [&str; 8] = [
    "book", "refuse", "fail", "explode", "page", "cut", "stall", "gone",
];

/// An agent `desk` that answers like that, and a `desktop` that nobody serves, with one tool.
fn mesh() -> (TestContext, ScriptedServer) {
    let server = ScriptedServer::start(|request: &Request| {
        let called = serde_json::from_slice::<serde_json::Value>(&request.body).unwrap_or_default();
        if called["method"] == "tools/list" {
            // None of its tools has a schema that could be read.
            return Script::json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":7}}"#);
        }
        answer(called["params"]["name"].as_str().unwrap_or_default())
    });
    let desk = fake::agent("desk", &server.url(), TOOLS.map(fake::tool).to_vec());
    let desktop = fake::agent("desktop", "http://127.0.0.1:1", vec![fake::tool("print")]);
    let context = test_context!();
    let context = context.with_registration(&desk).with_registration(&desktop);
    (context, server)
}

/// What is typed, and what comes of it, wherever the agent listens.
fn told(context: &TestContext, agent: &ScriptedServer, lines: &[&str]) -> String {
    let said = mesh_test::session(|| context.meshctl(), lines);
    said.replace(&agent.address().to_string(), "[AGENT]")
}

#[test]
#[cfg_attr(windows, ignore = "why a file cannot be read each system says itself")]
fn what_cannot_be_sent_is_refused_before_anybody_is_asked() {
    let (context, agent) = mesh();
    let _ = context.write("list.json", "[1]");
    let _ = context.write("torn.json", "{\"a\":\n");
    std::fs::create_dir(context.home().join("folder")).unwrap();
    mesh_snapshot!(
        context,
        said: told(&context, &agent, &[
            "call book {\"a\":",
            "call book 12",
            "call book seat=12A",
            "call book --file nowhere.json",
            "call book --file folder",
            "call book --file list.json",
            "call book --file torn.json",
            "call book {} --file list.json",
            "call book -H X-Tenant",
            "call book -H X(Tenant:1",
            "call book --trace -H X-Trace-ID:1",
            "call book --timeout 0",
            "call book --agent-url nonsense",
            "call book --agent-url ftp://127.0.0.1",
            "call",
        ]),
        @r#"
        $ meshctl call book {"a":
        Error: the arguments must be JSON: EOF while parsing a value at line 1 column 5
        Hint: such as '{"name": "value"}'
        exit: 1
        $ meshctl call book 12
        Error: the arguments must be a JSON object
        Hint: such as '{"name": "value"}'
        exit: 1
        $ meshctl call book seat=12A
        Error: the arguments must be JSON: expected value at line 1 column 1
        Hint: such as '{"name": "value"}'
        exit: 1
        $ meshctl call book --file nowhere.json
        Error: cannot read `nowhere.json`: No such file or directory (os error 2)
        exit: 1
        $ meshctl call book --file folder
        Error: cannot read `folder`: Is a directory (os error 21)
        exit: 1
        $ meshctl call book --file list.json
        Error: `list.json` must be a JSON object
        Hint: such as '{"name": "value"}'
        exit: 1
        $ meshctl call book --file torn.json
        Error: `torn.json` must be JSON: EOF while parsing a value at line 1 column 5
        Hint: such as '{"name": "value"}'
        exit: 1
        $ meshctl call book {} --file list.json
        Error: the argument '[JSON]' cannot be used with '--file <FILE>'

        Usage: meshctl call <[AGENT:]TOOL> <JSON>

        For more information, try '--help'.
        exit: 1
        $ meshctl call book -H X-Tenant
        Error: the header `X-Tenant` has no colon
        Hint: write it as `-H 'Name: value'`
        exit: 1
        $ meshctl call book -H X(Tenant:1
        Error: bad header `X(Tenant:1`: `X(Tenant` is not a header name
        exit: 1
        $ meshctl call book --trace -H X-Trace-ID:1
        Error: `--trace` makes an id of its own beside `-H 'X-Trace-ID: …'`
        Hint: leave one of the two out
        exit: 1
        $ meshctl call book --timeout 0
        Error: invalid value '0' for '--timeout <SECONDS>': 0 is less than 1

        For more information, try '--help'.
        exit: 1
        $ meshctl call book --agent-url nonsense
        Error: MCP call failed: `nonsense` is not the URL of an agent: relative URL without a base
        Hint: an endpoint looks like `http://host:port`
        exit: 1
        $ meshctl call book --agent-url ftp://127.0.0.1
        Error: MCP call failed: `ftp://127.0.0.1` is not the URL of an agent: scheme `ftp` is neither `http` nor `https`
        Hint: an endpoint looks like `http://host:port`
        exit: 1
        $ meshctl call
        Error: the following required arguments were not provided:
          <[AGENT:]TOOL>

        Usage: meshctl call <[AGENT:]TOOL> [JSON]

        For more information, try '--help'.
        exit: 1
        "#
    );
    assert_eq!(agent.requests().len(), 0);
}

#[test]
fn a_tool_that_is_not_one_is_not_called() {
    let (context, agent) = mesh();
    mesh_snapshot!(
        context,
        said: told(&context, &agent, &[
            "call bok --exit-code",
            "call desk:bok --exit-code",
            "call desc:book --exit-code",
            "call de:book --exit-code",
            "call desktop:book --exit-code",
            "audit de --exit-code",
            "list --tools=bok --exit-code",
            "list --tools=de:book --exit-code",
        ]),
        @r"
        $ meshctl call bok --exit-code
        Error: no agent found with tool 'bok'
        Hint: did you mean `book`?
        exit: 3
        $ meshctl call desk:bok --exit-code
        Error: tool 'bok' not found on agent 'desk'
        Hint: did you mean `book`?
        exit: 3
        $ meshctl call desc:book --exit-code
        Error: no healthy agent found matching 'desc'
        Hint: did you mean `desk`?
        exit: 3
        $ meshctl call de:book --exit-code
        Error: multiple agents match 'de'

        Matching agents:
          - desk (ID: desk, Status: healthy)
          - desktop (ID: desktop, Status: healthy)

        Use a more precise name or a whole id.
        exit: 6
        $ meshctl call desktop:book --exit-code
        Error: tool 'book' not found on agent 'desktop'
        Hint: `meshctl list --tools` shows every tool
        exit: 3
        $ meshctl audit de --exit-code
        Error: multiple agents match 'de'

        Matching agents:
          - desk (ID: desk, Status: healthy)
          - desktop (ID: desktop, Status: healthy)

        Use a more precise name or a whole id.
        exit: 6
        $ meshctl list --tools=bok --exit-code
        Error: no agent found with tool 'bok'
        Hint: did you mean `book`?
        exit: 3
        $ meshctl list --tools=de:book --exit-code
        Error: multiple agents match 'de'

        Matching agents:
          - desk (ID: desk, Status: healthy)
          - desktop (ID: desktop, Status: healthy)

        Use a more precise name or a whole id.
        exit: 6
        "
    );
    assert_eq!(agent.requests().len(), 0);
}

#[test]
fn an_agent_that_fails_is_quoted() {
    let (context, agent) = mesh();
    mesh_snapshot!(
        context,
        said: told(&context, &agent, &[
            "call refuse --exit-code",
            "call fail",
            "call fail --raw --exit-code",
            "call explode --exit-code",
            "call page --exit-code",
            "call cut --exit-code",
            "call stall --timeout 3 --exit-code",
            "call gone --exit-code",
            "call print --exit-code",
        ]),
        @r#"
        $ meshctl call refuse --exit-code
        Error: MCP call failed: no such seat: {"seat":"12A"}
        exit: 5
        $ meshctl call fail
        {
          "content": [
            {
              "type": "text",
              "text": "sold out"
            }
          ],
          "isError": true
        }
        exit: 0
        $ meshctl call fail --raw --exit-code
        {"content":[{"type":"text","text":"sold out"}],"isError":true}
        exit: 5
        $ meshctl call explode --exit-code
        Error: MCP call failed: HTTP 500: the kettle exploded
        exit: 5
        $ meshctl call page --exit-code
        <h1>Welcome</h1>
        exit: 0
        $ meshctl call cut --exit-code
        Error: MCP call failed: the connection to `[REGISTRY]/proxy/[AGENT]/mcp` broke before the answer was complete
        Hint: the agent's log may say why
        exit: 1
        $ meshctl call stall --timeout 3 --exit-code
        Error: MCP call failed: `[REGISTRY]/proxy/[AGENT]/mcp` did not answer within [DURATION]
        Hint: raise the time-out if the tool needs longer, or read the agent's log
        exit: 8
        $ meshctl call gone --exit-code
        Error: MCP call failed: HTTP 502: Failed to reach target agent: connection closed before message completed
        Hint: the agent may have stopped; `meshctl list` shows who is there
        exit: 5
        $ meshctl call print --exit-code
        Error: MCP call failed: HTTP 502: Failed to reach target agent: Connection refused
        Hint: the agent may have stopped; `meshctl list` shows who is there
        exit: 5
        "#
    );
    // The same, but nobody is between.
    mesh_snapshot!(
        context,
        said: told(&context, &agent, &[
            "call explode --use-proxy=false --exit-code",
            "call cut --use-proxy=false --exit-code",
            "call gone --use-proxy=false --exit-code",
            "call print --use-proxy=false --exit-code",
        ]),
        @r"
        $ meshctl call explode --use-proxy=false --exit-code
        Error: MCP call failed: HTTP 500: the kettle exploded
        exit: 5
        $ meshctl call cut --use-proxy=false --exit-code
        Error: MCP call failed: the connection to `http://[AGENT]/mcp` broke before the answer was complete
        Hint: the agent's log may say why
        exit: 1
        $ meshctl call gone --use-proxy=false --exit-code
        Error: MCP call failed: the connection to `http://[AGENT]/mcp` broke before the answer was complete: connection closed before message completed
        Hint: the agent's log may say why
        exit: 1
        $ meshctl call print --use-proxy=false --exit-code
        Error: MCP call failed: failed to reach `http://127.0.0.1:1/mcp`: Connection refused
        Hint: the agent may have stopped; `meshctl list` shows who is there
        exit: 4
        "
    );
}

#[test]
fn a_tool_is_described_though_its_agent_does_not_say_what_it_takes() {
    let (context, agent) = mesh();
    mesh_snapshot!(
        context,
        said: told(&context, &agent, &["list --tools=book", "list --tools=print"]),
        @r"
        $ meshctl list --tools=book
        Tool:         book
        Agent:        desk (desk)
        Capability:   book
        Availability: available
        Description:  The book tool
        Version:      1.0.0
        Tags:         -

        Example:
          meshctl call desk:book '{}'
        Warning: the input schema cannot be fetched: the agent's list of tools is not understood: invalid type: integer `7`, expected a sequence at line 1 column 10
        exit: 0
        $ meshctl list --tools=print
        Tool:         print
        Agent:        desktop (desktop)
        Capability:   print
        Availability: available
        Description:  The print tool
        Version:      1.0.0
        Tags:         -

        Example:
          meshctl call desktop:print '{}'
        Warning: the input schema cannot be fetched: MCP call failed: HTTP 502: Failed to reach target agent: Connection refused
        exit: 0
        "
    );
    let tool = context
        .meshctl()
        .args(["list", "--tools=book", "--json"])
        .output()
        .unwrap();
    let tool: serde_json::Value = serde_json::from_slice(&tool.stdout).unwrap();
    assert_eq!(tool["tool_name"], "book");
}
