//! The stream of an agent's answers.

use std::sync::mpsc;

use mesh_client::{AnswerStream, ClientError, ClientOptions, RegistryClient, Watched};
use mesh_test::{Script, ScriptedServer};

fn client(server: &ScriptedServer) -> RegistryClient {
    RegistryClient::new(&server.url(), ClientOptions::default()).expect("a URL")
}

fn event(id: &str, message: &str) -> String {
    format!(
        "event: answer\nid: {id}\ndata: {{\"agent_id\":\"a-1\",\"status\":\"success\",\ndata: \"timestamp\":\"2026-01-01T00:00:00Z\",\"message\":\"{message}\"}}\n\n"
    )
}

/// The name and the message of the next answer.
async fn answer(stream: &mut AnswerStream) -> (String, String) {
    match stream.next().await {
        Ok(Some(Watched::Answer(named))) => (named.id.unwrap_or_default(), named.answer.message),
        other => panic!("no answer: {other:?}"),
    }
}

#[tokio::test]
async fn answers_come_one_by_one_until_the_agent_is_gone() {
    let (says, rest) = mpsc::channel();
    let script = Script::events().follow(rest);
    let server = ScriptedServer::start(move |_| script.clone());
    let mut stream = client(&server).watch("a-1", Some("6-ab")).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.path, "/agents/a-1/watch");
    assert_eq!(request.header("last-event-id"), Some("6-ab"));

    for (id, message) in [("7-cd", "one"), ("8-ef", "two")] {
        says.send(Script::default().chunk(event(id, message)))
            .unwrap();
        let expected = (id.to_owned(), message.to_owned());
        assert_eq!(answer(&mut stream).await, expected);
    }
    let last = Script::default()
        .chunk(": keep-alive\n\nevent: from the future\ndata: 1\n\n")
        .chunk("event: gone\ndata: {}\n\n")
        .end();
    says.send(last).unwrap();
    assert!(matches!(stream.next().await, Ok(Some(Watched::Gone))));
    assert!(matches!(stream.next().await, Ok(None)));
}

#[tokio::test]
async fn of_answers_that_arrive_together_only_the_newest_counts() {
    let together = event("1-aa", "one") + &event("2-bb", "two") + &event("3-cc", "three")[..20];
    let script = Script::events().chunk(together).end();
    let server = ScriptedServer::start(move |_| script.clone());
    let mut stream = client(&server).watch("a-1", None).await.unwrap();
    assert_eq!(server.requests()[0].header("last-event-id"), None);
    assert_eq!(answer(&mut stream).await, ("2-bb".into(), "two".into()));
    assert!(
        matches!(stream.next().await, Ok(None)),
        "what was torn is none"
    );
}

#[tokio::test]
async fn a_registry_without_watches_is_told_from_one_that_is_in_trouble() {
    let server = ScriptedServer::start(|request| match request.path.as_str() {
        "/agents/old/watch" => Script::body(404, "text/plain", "404 page not found"),
        "/agents/gone/watch" => Script::status(410),
        "/agents/full/watch" => Script::status(503),
        _ => Script::json("{}"),
    });
    let client = client(&server);
    for (id, expected) in [("old", 404), ("gone", 410), ("full", 503)] {
        match client.watch(id, None).await {
            Err(ClientError::Refused { status, .. }) => assert_eq!(status, expected, "{id}"),
            other => panic!("{id}: {other:?}"),
        }
    }
    let error = client.watch("page", None).await.unwrap_err();
    assert!(
        error.to_string().ends_with("it is no stream of events"),
        "{error}"
    );
}

#[tokio::test]
async fn an_event_that_never_ends_is_refused() {
    let script = Script::events().chunk("data: ".to_owned() + &"x".repeat(2_000));
    let server = ScriptedServer::start(move |_| script.clone());
    let options = ClientOptions {
        max_body: 1_000,
        ..ClientOptions::default()
    };
    let client = RegistryClient::new(&server.url(), options).unwrap();
    let mut stream = client.watch("a-1", None).await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("an event is longer than 1000 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stream_of_something_else_and_one_that_breaks_are_errors() {
    let server = ScriptedServer::start(|request| {
        let script = Script::events();
        match request.path.as_str() {
            "/agents/odd/watch" => script.chunk("event: answer\ndata: {}\n\n").end(),
            _ => script.close(),
        }
    });
    let client = client(&server);
    let mut odd = client.watch("odd", None).await.unwrap();
    assert!(matches!(
        odd.next().await,
        Err(ClientError::Malformed { .. })
    ));
    let mut broken = client.watch("broken", None).await.unwrap();
    assert!(matches!(
        broken.next().await,
        Err(ClientError::Unreachable { .. })
    ));
}
