//! Calls of tools that say things before they end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use mesh_agent::{Agent, Call, CallError, CallStream, Headers, Streamed, Target, ToolOutcome};
use mesh_test::{Script, ScriptedServer};
use serde_json::value::RawValue;

use crate::calls::caller;
use crate::registry::eventually;

const LONG: Duration = Duration::from_secs(10);

fn call(endpoint: &str, arguments: &str) -> Call {
    Call {
        target: Arc::new(Target {
            agent_id: "b-1".to_owned(),
            endpoint: endpoint.to_owned(),
            function_name: "tell".to_owned(),
            capability: "tell".to_owned(),
            kwargs: None,
        }),
        arguments: RawValue::from_string(arguments.to_owned()).expect("JSON"),
        timeout: LONG,
        headers: Headers::new(),
    }
}

fn chunk(text: &str) -> String {
    format!(
        "data: {{\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":1,\"message\":\"{text}\"}}}}\n\n"
    )
}

fn end() -> &'static str {
    "data: {\"id\":1,\"result\":{\"content\":[],\"structuredContent\":{\"result\":\"ab\"},\"_meta\":{\"fastmcp\":{\"wrap_result\":true}}}}\n\n"
}

type Piece = Result<Streamed, CallError>;

fn ask(stream: &CallStream) -> Receiver<Piece> {
    let (sender, receiver) = channel();
    stream.next(move |piece| {
        let _nobody_waits = sender.send(piece);
    });
    receiver
}

fn next(stream: &CallStream) -> Piece {
    ask(stream).recv_timeout(LONG).expect("it is told")
}

fn assert_chunk(piece: &Piece, expected: &str) {
    assert!(
        matches!(piece, Ok(Streamed::Chunk(text)) if text == expected),
        "{piece:?}"
    );
}

#[test]
fn pieces_and_then_the_value_are_handed_on() {
    let server = ScriptedServer::start(|_| {
        Script::events()
            .chunk(chunk("a") + &chunk("b"))
            .chunk(end())
            .end()
    });
    let agent = caller();
    let stream = agent.stream(call(&server.url(), "{}"));
    assert_chunk(&next(&stream), "a");
    assert_chunk(&next(&stream), "b");
    let last = next(&stream);
    assert!(
        matches!(&last, Ok(Streamed::End(ToolOutcome::Json(value))) if value.get() == r#""ab""#),
        "{last:?}"
    );
    assert!(matches!(next(&stream), Err(CallError::Cancelled)), "over");
}

/// A server of one request, which is answered with an event stream that `tell` writes. It says when the
/// caller has closed the connection.
fn server(tell: impl FnOnce(&mut TcpStream) + Send + 'static) -> (String, Receiver<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (closed, is_closed) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).is_ok_and(|length| length > 0));
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        stream.write_all(head).expect("it reads");
        tell(&mut stream);
        while matches!(stream.read(&mut request), Ok(1..)) {}
        let _nobody_asks = closed.send(());
    });
    (url, is_closed)
}

#[test]
fn a_listener_that_is_slow_slows_the_tool_and_misses_nothing() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let (url, _) = server(move |stream| {
        let text = chunk(&"x".repeat(1 << 20));
        for _ in 0..64 {
            stream.write_all(text.as_bytes()).expect("it reads");
            count.fetch_add(1, Ordering::Relaxed);
        }
        stream.write_all(end().as_bytes()).expect("it reads");
    });
    let agent = caller();
    let stream = agent.stream(call(&url, "{}"));
    assert!(next(&stream).is_ok());
    let mut before = usize::MAX;
    eventually("the tool waits", || {
        thread::sleep(Duration::from_millis(200));
        let now = written.load(Ordering::Relaxed);
        std::mem::replace(&mut before, now) == now
    });
    assert!(before < 64, "{before} of 64 were taken, and one was read");
    let mut chunks = 1;
    while let Ok(Streamed::Chunk(text)) = next(&stream) {
        assert_eq!(text.len(), 1 << 20);
        chunks += 1;
    }
    assert_eq!(chunks, 64);
}

#[test]
fn a_stream_that_is_closed_or_dropped_closes_its_connection() {
    let agent = caller();
    for close in [true, false] {
        let (url, is_closed) = server(|stream| {
            let text = chunk("a");
            stream.write_all(text.as_bytes()).expect("it reads");
        });
        let stream = agent.stream(call(&url, "{}"));
        assert_chunk(&next(&stream), "a");
        let waiting = ask(&stream);
        if close {
            stream.close();
        } else {
            drop(stream);
        }
        let given_up = waiting.recv_timeout(LONG).expect("it is told");
        assert!(
            matches!(given_up, Err(CallError::Cancelled)),
            "{given_up:?}"
        );
        is_closed.recv_timeout(LONG).expect("the tool notices");
    }
}

#[test]
fn what_goes_wrong_is_said_once() {
    let server = ScriptedServer::start(|_| Script::body(500, "text/plain", "no"));
    let agent = caller();
    let stream = agent.stream(call(&server.url(), "{}"));
    assert!(matches!(next(&stream), Err(CallError::Exchange(_))));
    assert!(matches!(next(&stream), Err(CallError::Cancelled)));
}

#[test]
fn a_stop_ends_a_stream() {
    let server = ScriptedServer::start(|_| Script::events().pause(LONG));
    let agent = caller();
    let stream = agent.stream(call(&server.url(), "{}"));
    let waiting = ask(&stream);
    eventually("it is asked", || server.requests().len() == 1);
    let started = Instant::now();
    agent.stop(LONG);
    let given_up = waiting.recv_timeout(LONG).expect("it is told");
    assert!(matches!(given_up, Err(CallError::Cancelled)));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(next(&stream), Err(CallError::Cancelled)));
}

#[test]
fn other_methods_bring_their_result_as_it_is() {
    let server = ScriptedServer::start(|request| {
        if request.text().contains("prompts/get") {
            Script::json(r#"{"id":1,"result":{"messages":[], "n":1.0}}"#)
        } else {
            Script::status(202)
        }
    });
    let agent = caller();
    let ask = |agent: &Agent, method: &str| {
        let (sender, receiver) = channel();
        agent.request(
            call(&server.url(), r#"{"name":"p"}"#),
            method,
            move |result| {
                sender.send(result).expect("the test waits");
            },
        );
        receiver.recv_timeout(LONG).expect("it is told")
    };
    let result = ask(&agent, "prompts/get").expect("a result");
    assert_eq!(result.get(), r#"{"messages":[], "n":1.0}"#);
    let sent = server.requests()[0].text();
    assert!(
        sent.ends_with(r#""method":"prompts/get","params":{"name":"p"}}"#),
        "{sent}"
    );
    let error = ask(&agent, "ping").unwrap_err();
    let expected = format!(
        "the answer of `{}` to `ping` is not understood: it is empty",
        server.url()
    );
    assert_eq!(error.to_string(), expected);
}
