//! Calls of tools.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use mesh_client::Headers;
use mesh_client::mcp::{CallError, CallerOptions, McpCaller, Reply, ToolCall};
use mesh_core::Hint;
use mesh_test::{Script, ScriptedServer};
use serde_json::value::RawValue;
use tokio::io::AsyncReadExt;

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[], "n": 1.50}}"#;
const RESULT: &str = r#"{"content":[], "n": 1.50}"#;

fn call(server: &ScriptedServer) -> ToolCall {
    ToolCall {
        endpoint: server.url(),
        tool: "plain".to_owned(),
        arguments: RawValue::from_string(r#"{"b":"é","a":1}"#.to_owned()).expect("JSON"),
        timeout: Duration::from_secs(10),
        headers: Headers::new(),
    }
}

/// The outcome of one call of a server that answers with `script`.
async fn answered(script: Script) -> Result<Reply, CallError> {
    let server = ScriptedServer::start(move |_| script.clone());
    let outcome = McpCaller::default().call_tool(&call(&server)).await;
    assert_eq!(
        server.requests().len(),
        1,
        "a call is executed at most once"
    );
    outcome
}

fn result(outcome: Result<Reply, CallError>) -> String {
    match outcome.expect("an answer") {
        Reply::Result(result) => result.get().to_owned(),
        other => panic!("a result, not {other:?}"),
    }
}

#[tokio::test]
async fn a_call_is_one_request_without_a_handshake() {
    let server = ScriptedServer::start(|_| Script::json(ANSWER));
    let mut call = call(&server);
    call.endpoint.push('/');
    call.timeout = Duration::from_millis(2500);
    call.headers.push("X-Trace-ID", "abc").unwrap();
    call.headers.push("accept", "nothing").unwrap();
    assert_eq!(result(McpCaller::default().call_tool(&call).await), RESULT);

    let requests = server.requests();
    let [request] = requests.as_slice() else {
        panic!("one request, not {requests:?}");
    };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/mcp")
    );
    assert_eq!(
        request.text(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"plain","arguments":{"b":"é","a":1}}}"#
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.header("accept"),
        Some("application/json, text/event-stream")
    );
    assert_eq!(request.header("x-mesh-timeout"), Some("3"));
    assert_eq!(request.header("x-trace-id"), Some("abc"));
    assert_eq!(request.header("user-agent"), None);
}

#[tokio::test]
async fn a_notification_before_the_answer_is_not_the_answer() {
    let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}"#;
    let stream = Script::events()
        .chunk(format!(": hello\n\nevent: message\ndata: {note}\n\n"))
        .pause(Duration::from_millis(20))
        .chunk(format!("event: message\r\ndata: {ANSWER}\r\n\r\n"))
        .end();
    assert_eq!(result(answered(stream).await), RESULT);
}

#[tokio::test]
async fn an_answer_may_be_spread_over_lines_and_packets() {
    let mut stream = Script::events();
    for byte in b"data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":[\"\xc3\xa9\"]}\n\n" {
        stream = stream.chunk([*byte]);
    }
    assert_eq!(result(answered(stream.end()).await), r#"["é"]"#);
}

#[tokio::test]
async fn connections_are_kept_between_calls() {
    let server = ScriptedServer::start(|_| {
        Script::events()
            .chunk(format!("data: {ANSWER}\n\n"))
            .pause(Duration::from_millis(5))
            .end()
    });
    let caller = McpCaller::default();
    for _ in 0..3 {
        assert_eq!(result(caller.call_tool(&call(&server)).await), RESULT);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_answer_does_not_wait_for_the_end_of_the_stream() {
    let server = ScriptedServer::start(|_| {
        Script::events()
            .chunk(format!("data: {ANSWER}\n\n"))
            .pause(Duration::from_secs(3))
            .end()
    });
    let started = Instant::now();
    assert_eq!(
        result(McpCaller::default().call_tool(&call(&server)).await),
        RESULT
    );
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_stream_that_ends_without_an_answer_is_an_error() {
    let cut = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"res";
    for script in [
        Script::events().end(),
        Script::events().chunk(cut).end(),
        Script::events().chunk(cut).close(),
        Script::events().chunk(format!("data: {ANSWER}")).close(),
        Script::default()
            .send("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"jsonrpc\"")
            .close(),
        Script::default().close(),
    ] {
        let outcome = answered(script.clone()).await;
        assert!(
            matches!(outcome, Err(CallError::Interrupted { .. })),
            "{script:?} gave {outcome:?}"
        );
    }
}

#[tokio::test]
async fn the_proxys_mark_means_that_time_ran_out() {
    let mark = "\n: mesh-proxy-timeout budget=10s\n\n";
    for script in [
        Script::events().chunk(mark).end(),
        Script::events().chunk("data: {\"jso").chunk(mark).end(),
        Script::events().chunk(mark).close(),
        Script::body(200, "", ": mesh-proxy-timeout budget=10s\n\n"),
    ] {
        let outcome = answered(script.clone()).await;
        assert!(
            matches!(outcome, Err(CallError::Timeout { .. })),
            "{script:?} gave {outcome:?}"
        );
    }
}

#[tokio::test]
async fn one_deadline_covers_the_whole_exchange() {
    let late = Duration::from_secs(5);
    for script in [
        Script::default().pause(late),
        Script::events()
            .chunk(": still here\n\n")
            .pause(late)
            .chunk(format!("data: {ANSWER}\n\n"))
            .end(),
    ] {
        let server = ScriptedServer::start(move |_| script.clone());
        let mut call = call(&server);
        call.timeout = Duration::from_millis(150);
        let started = Instant::now();
        let error = McpCaller::default().call_tool(&call).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(
            error.to_string(),
            format!("`{}/mcp` did not answer within 150ms", server.url())
        );
        assert!(error.hint().unwrap().contains("time-out"));
    }
}

#[tokio::test]
async fn a_json_rpc_error_is_an_error_with_its_code() {
    let error = answered(Script::json(
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Unknown tool","data":{"tool":"x"}}}"#,
    ))
    .await
    .unwrap_err();
    let CallError::Rpc(error) = error else {
        panic!("a JSON-RPC error, not {error:?}");
    };
    assert_eq!(
        (error.code, error.message.as_str()),
        (-32602, "Unknown tool")
    );
    assert_eq!(error.data.unwrap().get(), r#"{"tool":"x"}"#);
}

#[tokio::test]
async fn an_http_status_is_an_error_with_its_body() {
    for status in [301, 307, 404, 406, 500, 502] {
        let error = answered(Script::body(status, "text/plain", "  no such thing\n"))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, CallError::Http { status: got, body, .. } if *got == status && body == "no such thing"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let accepted = answered(Script::status(202)).await;
    assert!(matches!(accepted, Ok(Reply::Accepted)), "{accepted:?}");
    let page = answered(Script::body(200, "text/html", "<html>")).await;
    assert!(
        matches!(&page, Ok(Reply::Other(body)) if body == "<html>"),
        "{page:?}"
    );
    for script in [
        Script::json("{\"jsonrpc\":"),
        Script::json("{}"),
        Script::json(r#"{"jsonrpc":"2.0","id":7,"result":1}"#),
        Script::status(200),
    ] {
        let outcome = answered(script.clone()).await;
        assert!(
            matches!(outcome, Err(CallError::Protocol { .. })),
            "{script:?} gave {outcome:?}"
        );
    }
}

#[tokio::test]
async fn an_event_stream_is_recognised_without_its_content_type() {
    let body = format!("event: message\ndata: {ANSWER}\n\n");
    assert_eq!(
        result(answered(Script::body(200, "text/plain", body)).await),
        RESULT
    );
    assert_eq!(
        result(answered(Script::body(200, "Application/JSON; charset=utf-8", ANSWER)).await),
        RESULT
    );
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let caller = McpCaller::new(&CallerOptions {
        max_body: 10_000,
        ..CallerOptions::default()
    });
    let long = "x".repeat(20_000);
    for script in [
        Script::json(&long),
        Script::events().chunk(format!("data: {long}")),
        Script::events().chunk(format!("data: {}\n", &long[..6000]).repeat(2)),
    ] {
        let server = ScriptedServer::start(move |_| script.clone());
        let outcome = caller.call_tool(&call(&server)).await;
        assert!(
            matches!(outcome, Err(CallError::TooLarge { limit: 10_000, .. })),
            "{outcome:?}"
        );
    }
    // Only what is held back counts: a long stream of small events is fine.
    let note = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n".repeat(1000);
    let server = ScriptedServer::start(move |_| {
        Script::events()
            .chunk(&note)
            .chunk(format!("data: {ANSWER}\n\n"))
            .end()
    });
    assert_eq!(result(caller.call_tool(&call(&server)).await), RESULT);
}

#[tokio::test]
async fn an_agent_that_is_gone_is_unreachable_and_nothing_was_executed() {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    let server = ScriptedServer::start(|_| Script::json(ANSWER));
    let mut call = call(&server);
    call.endpoint = format!("http://{address}");
    let error = McpCaller::default().call_tool(&call).await.unwrap_err();
    assert!(error.is_unsent(), "{error:?}");
    let text = mesh_client::describe(&error);
    assert!(
        text.starts_with(&format!("failed to reach `http://{address}/mcp`: "))
            && text.contains("refused"),
        "{text}"
    );

    call.endpoint = "stdio://agent-1".to_owned();
    let error = McpCaller::default().call_tool(&call).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`stdio://agent-1` is not the URL of an agent: scheme `stdio` is neither `http` nor `https`"
    );
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_replaced() {
    let server = ScriptedServer::start(|_| Script::json(ANSWER).close());
    let caller = McpCaller::default();
    for _ in 0..5 {
        assert_eq!(result(caller.call_tool(&call(&server)).await), RESULT);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((server.requests().len(), server.connections()), (5, 5));
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let call = ToolCall {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        tool: "slow".to_owned(),
        arguments: RawValue::from_string("{}".to_owned()).unwrap(),
        timeout: Duration::from_mins(1),
        headers: Headers::new(),
    };
    let caller = McpCaller::default();
    let running = tokio::spawn(async move { caller.call_tool(&call).await });
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 4096];
    assert!(connection.read(&mut request).await.unwrap() > 0);
    running.abort();
    let rest = tokio::time::timeout(Duration::from_secs(5), async {
        while connection.read(&mut request).await.unwrap_or(0) > 0 {}
    });
    rest.await.expect("the server sees the connection closed");
}

#[tokio::test]
async fn tools_are_listed_the_same_way() {
    let server = ScriptedServer::start(|_| Script::json(ANSWER));
    let listed = McpCaller::default()
        .list_tools(&server.url(), Duration::from_secs(5), &Headers::new())
        .await;
    assert_eq!(result(listed), RESULT);
    assert_eq!(
        server.requests()[0].text(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#
    );
}
