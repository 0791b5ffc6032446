//! Calls of tools that say things before they end, and requests that are no calls.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use mesh_client::Headers;
use mesh_client::mcp::{
    CallError, CallerOptions, McpCaller, McpRequest, Reply, Said, ToolCall, ToolStream,
};
use mesh_test::{Request, Script, ScriptedServer};
use serde_json::value::RawValue;

const RESULT: &str = r#"{"content":[], "n": 1.50}"#;

fn call(server: &ScriptedServer) -> ToolCall {
    ToolCall {
        endpoint: server.url(),
        tool: "tell".to_owned(),
        arguments: RawValue::from_string("{}".to_owned()).expect("JSON"),
        timeout: Duration::from_secs(10),
        headers: Headers::new(),
    }
}

fn event(json: &str) -> String {
    format!("event: message\ndata: {json}\n\n")
}

fn chunk(text: &str) -> String {
    event(&format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":1,"progress":1.0,"message":"{text}"}}}}"#
    ))
}

fn end() -> String {
    event(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{RESULT}}}"#))
}

/// What the stream says until its end, and the error that ended it.
async fn all(stream: &mut ToolStream) -> (Vec<String>, Option<CallError>) {
    let mut said = Vec::new();
    loop {
        match stream.next().await {
            Ok(Some(Said::Chunk(text))) => said.push(text),
            Ok(Some(Said::End(Reply::Result(result)))) => said.push(result.get().to_owned()),
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => return (said, None),
            Err(error) => {
                assert!(matches!(stream.next().await, Ok(None)), "nothing follows");
                return (said, Some(error));
            }
        }
    }
}

/// What is heard of a server that answers with `script`.
async fn heard(script: Script) -> (Vec<String>, Option<CallError>) {
    let server = ScriptedServer::start(move |_| script.clone());
    let stream = McpCaller::default().stream_tool(&call(&server)).await;
    all(&mut stream.expect("a stream")).await
}

#[tokio::test]
async fn pieces_come_one_by_one_and_the_result_last() {
    let (tell, rest) = channel();
    let script = Script::events().follow(rest);
    let server = ScriptedServer::start(move |_| script.clone());
    let caller = McpCaller::default();
    let mut stream = caller.stream_tool(&call(&server)).await.expect("a stream");
    let sent = server.requests()[0].text();
    assert_eq!(
        sent,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"tell","arguments":{},"_meta":{"progressToken":1}}}"#
    );
    let say = |text: &str| {
        tell.send(Script::default().chunk(text))
            .expect("it listens");
    };
    for text in ["one", "", "zwei\\u00e9"] {
        say(": ping\n\n");
        say(&event(
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#,
        ));
        let event = chunk(text);
        let (first, second) = event.split_at(20);
        say(first);
        say(second);
        let said = stream.next().await.expect("no error");
        let expected = text.replace("\\u00e9", "é");
        assert!(
            matches!(&said, Some(Said::Chunk(text)) if *text == expected),
            "{said:?}"
        );
    }
    say(&(chunk("last") + &end()));
    assert_eq!(all(&mut stream).await.0, ["last", RESULT]);
}

#[tokio::test]
async fn the_connection_is_kept() {
    let server = ScriptedServer::start(|_| Script::events().chunk(chunk("a") + &end()).end());
    let caller = McpCaller::default();
    for _ in 0..3 {
        let mut stream = caller.stream_tool(&call(&server)).await.expect("one");
        assert_eq!(all(&mut stream).await.0, ["a", RESULT]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_stream_says_its_result_at_once() {
    let answer = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{RESULT}}}"#);
    let (said, error) = heard(Script::json(answer)).await;
    assert_eq!(said, [RESULT]);
    assert!(error.is_none());
    let refused = Script::body(404, "text/plain", "no");
    let server = ScriptedServer::start(move |_| refused.clone());
    let error = McpCaller::default().stream_tool(&call(&server)).await;
    assert!(matches!(error, Err(CallError::Http { status: 404, .. })));
}

#[tokio::test]
async fn what_was_said_before_a_failure_is_heard() {
    let refusal = event(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#);
    let (said, error) = heard(Script::events().chunk(chunk("a") + &refusal).end()).await;
    assert_eq!(said, ["a"]);
    assert!(matches!(error, Some(CallError::Rpc(_))), "{error:?}");

    let (said, error) = heard(Script::events().chunk(chunk("a")).end()).await;
    assert_eq!(said, ["a"]);
    let is_early = matches!(error, Some(CallError::Interrupted { source: None, .. }));
    assert!(is_early, "{error:?}");

    let (said, error) = heard(Script::events().chunk(chunk("a")).close()).await;
    assert_eq!(said, ["a"]);
    let is_broken = matches!(
        error,
        Some(CallError::Interrupted {
            source: Some(_),
            ..
        })
    );
    assert!(is_broken, "{error:?}");

    let cut = ": mesh-proxy-timeout budget=3s\n\n";
    let (said, error) = heard(Script::events().chunk(chunk("a") + cut).end()).await;
    assert_eq!(said, ["a"]);
    assert!(
        matches!(error, Some(CallError::Timeout { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_time_is_for_each_event_and_comments_are_none() {
    let pause = Duration::from_millis(200);
    let slow = (0..4).fold(Script::events(), |script, _| {
        script.pause(pause).chunk(chunk("a"))
    });
    let server = ScriptedServer::start(move |_| {
        let comments = |script: Script, _| script.pause(pause).chunk(": ping\n\n");
        (0..20).fold(slow.clone(), comments)
    });
    let mut call = call(&server);
    call.timeout = Duration::from_millis(500);
    let started = Instant::now();
    let mut stream = McpCaller::default().stream_tool(&call).await.expect("one");
    let (said, error) = all(&mut stream).await;
    assert_eq!(said.len(), 4, "together they take longer than the time");
    assert!(
        matches!(error, Some(CallError::Timeout { .. })),
        "{error:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_server_that_says_nothing_at_all_is_given_up() {
    let server = ScriptedServer::start(|_| Script::default().pause(Duration::from_secs(20)));
    let mut call = call(&server);
    call.timeout = Duration::from_millis(100);
    let error = McpCaller::default().stream_tool(&call).await;
    assert!(matches!(error, Err(CallError::Timeout { .. })));
}

#[tokio::test]
async fn an_event_that_never_ends_is_refused() {
    let endless = (0..100).fold(Script::events(), |script, _| {
        script.chunk(b"data: 0123456789\n")
    });
    let server = ScriptedServer::start(move |_| endless.clone());
    let caller = McpCaller::new(&CallerOptions {
        max_body: 500,
        ..CallerOptions::default()
    });
    let mut stream = caller.stream_tool(&call(&server)).await.expect("a stream");
    let (_, error) = all(&mut stream).await;
    assert!(
        matches!(error, Some(CallError::TooLarge { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_stream_may_say_more_than_one_answer_may_hold() {
    let long = (0..100).fold(Script::events(), |script, _| {
        script.chunk(chunk("0123456789"))
    });
    let server = ScriptedServer::start(move |_| long.clone().chunk(end()).end());
    let caller = McpCaller::new(&CallerOptions {
        max_body: 500,
        ..CallerOptions::default()
    });
    let mut stream = caller.stream_tool(&call(&server)).await.expect("a stream");
    let (said, error) = all(&mut stream).await;
    assert_eq!((said.len(), error.is_none()), (101, true));
}

#[tokio::test]
async fn whatever_else_mcp_knows_can_be_asked() {
    let server = ScriptedServer::start(|_| {
        Script::events()
            .chunk(event(
                r#"{"jsonrpc":"2.0","id":1,"result":{"contents":[]}}"#,
            ))
            .end()
    });
    let mut request = McpRequest {
        endpoint: server.url(),
        method: "resources/read".to_owned(),
        params: Some(RawValue::from_string(r#"{"uri":"x://y"}"#.to_owned()).expect("JSON")),
        timeout: Duration::from_secs(5),
        headers: Headers::new(),
    };
    let reply = McpCaller::default().request(&request).await.expect("one");
    assert!(matches!(reply, Reply::Result(result) if result.get() == r#"{"contents":[]}"#));
    request.params = None;
    McpCaller::default().request(&request).await.expect("one");
    let sent: Vec<_> = server.requests().iter().map(Request::text).collect();
    assert_eq!(
        sent,
        [
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"x://y"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read"}"#,
        ]
    );
}
