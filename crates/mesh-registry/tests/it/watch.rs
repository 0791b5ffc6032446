//! `GET /agents/{agent_id}/watch`, over real connections.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use mesh_client::{ClientError, ClientOptions, PingVerdict, RegistryClient, Watched};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::registry::{Registry, consumer, provider};

/// The longest that any test waits for anything.
const LIMIT: Duration = Duration::from_secs(20);

/// The sockets of a registry; dropping it leaves them open.
struct Sockets {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Sockets {
    async fn of(registry: &Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let app = registry.app.clone();
        let served = tokio::spawn(async move {
            let stop = async {
                let _ = stopped.await;
            };
            mesh_registry::accept(vec![listener], &app, stop).await;
        });
        Self {
            address,
            stop,
            served,
        }
    }

    /// Stops as the process would, and says how long that took.
    async fn stop(self) -> Duration {
        let start = Instant::now();
        self.stop.send(()).expect("it serves");
        timeout(LIMIT, self.served)
            .await
            .expect("it ends")
            .expect("it ends well");
        start.elapsed()
    }
}

/// An open watch.
struct Watch {
    stream: BufReader<TcpStream>,
    head: String,
}

/// What a stream brought.
#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Event {
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            name: field("event"),
            id: field("id"),
            data: serde_json::from_str(&field("data")).expect("the data is JSON"),
        }
    }

    /// Who the one dependency is wired to.
    fn provider(&self) -> &str {
        let slot = &self.data["dependencies_resolved"]["use"][0];
        slot["agent_id"].as_str().expect("a slot")
    }
}

impl Watch {
    async fn open(sockets: &Sockets, id: &str, known: Option<&str>) -> Self {
        let resume = known.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
        let request = format!("GET /agents/{id}/watch HTTP/1.1\r\nhost: mesh\r\n{resume}\r\n");
        let mut stream = TcpStream::connect(sockets.address)
            .await
            .expect("it listens");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = timeout(LIMIT, stream.read_line(&mut head))
                .await
                .expect("it answers");
            assert_ne!(read.expect("it answers"), 0, "{head}");
        }
        Self { stream, head }
    }

    /// The next piece, as it stands on the wire; `None` when the stream has ended.
    async fn piece(&mut self) -> Option<String> {
        let piece = async {
            let mut size = String::new();
            self.stream.read_line(&mut size).await.ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut piece = vec![0; size + 2];
            self.stream.read_exact(&mut piece).await.ok()?;
            piece.truncate(size);
            (size > 0).then(|| String::from_utf8(piece).expect("UTF-8"))
        };
        timeout(LIMIT, piece).await.expect("a piece, or the end")
    }

    /// The next event; comments are passed over.
    async fn event(&mut self) -> Option<Event> {
        loop {
            let piece = self.piece().await?;
            if !piece.starts_with(':') {
                return Some(Event::parse(&piece));
            }
        }
    }
}

#[tokio::test]
async fn the_projects_own_client_understands_the_stream() {
    let registry = Registry::new().await;
    let sockets = Sockets::of(&registry).await;
    let url = format!("http://{}", sockets.address);
    let client = RegistryClient::new(&url, ClientOptions::default()).expect("a URL");
    match client.watch("report-1", None).await {
        Err(ClientError::Refused { status: 410, .. }) => {}
        other => panic!("it is not registered: {other:?}"),
    }
    let body = needs_time().to_string().into();
    let first = client.register_raw(body).await.expect("an answer");
    let mut watch = client
        .watch("report-1", first.id.as_deref())
        .await
        .expect("a watch");
    registry.register(&provider("clock-1", &["time"])).await;
    let Ok(Some(Watched::Answer(second))) = watch.next().await else {
        panic!("no answer");
    };
    let slot = &second.answer.dependencies_resolved["use"][0];
    assert_eq!(slot.agent_id, "clock-1");
    for (held, verdict) in [
        (&first.id, PingVerdict::Changed),
        (&second.id, PingVerdict::Current),
        (&None, PingVerdict::Current),
    ] {
        let ping = client.ping("report-1", held.as_deref()).await;
        assert_eq!(ping.expect("an answer").verdict, verdict);
    }
    client.leave("report-1").await.expect("it leaves");
    assert!(matches!(watch.next().await, Ok(Some(Watched::Gone))));
    assert!(matches!(watch.next().await, Ok(None)));
}

fn needs_time() -> Value {
    consumer("report-1", &json!([{ "capability": "time" }]))
}

/// Registers and returns the answer's name.
async fn register(registry: &Registry, registration: &Value) -> String {
    let reply = registry
        .send(Method::POST, "/heartbeat", registration.to_string())
        .await;
    assert_eq!(reply.json()["status"], "success");
    reply.headers["x-mesh-answer"]
        .to_str()
        .expect("ASCII")
        .to_owned()
}

/// Pings and says which answer the agent holds.
async fn ping_with(registry: &Registry, agent_id: &str, held: &str) -> u16 {
    let request = Request::head(format!("/heartbeat/{agent_id}"))
        .header("x-mesh-answer", held)
        .body(Body::empty());
    let reply = registry
        .send_request(request.expect("it is well-formed"))
        .await;
    reply.status.as_u16()
}

#[tokio::test]
async fn the_answer_comes_at_once_and_again_when_a_provider_joins_or_leaves() {
    let registry = Registry::new().await;
    let id = register(&registry, &needs_time()).await;
    let posted = registry.register(&needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut watch = Watch::open(&sockets, "report-1", None).await;
    assert!(
        watch.head.starts_with("HTTP/1.1 200 OK\r\n"),
        "{}",
        watch.head
    );
    assert!(
        watch.head.contains("content-type: text/event-stream\r\n"),
        "{}",
        watch.head
    );

    let first = watch.event().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data), ("answer", &posted));
    assert_eq!(first.id, id, "the registration named the same answer");
    registry.register(&provider("clock-1", &["time"])).await;
    let second = watch.event().await.unwrap();
    assert_eq!(second.provider(), "clock-1");
    assert_eq!(registry.leave("clock-1").await, 204);
    let third = watch.event().await.unwrap();
    assert_eq!(third.provider(), "");
    let generation = |event: &Event| -> u64 {
        event
            .id
            .split_once('-')
            .unwrap()
            .0
            .parse()
            .expect("a number")
    };
    assert!(generation(&first) < generation(&second));
    assert!(generation(&second) < generation(&third));
}

#[tokio::test]
async fn who_holds_the_current_answer_is_sent_nothing_until_it_changes() {
    let registry = Registry::new().await;
    let held = register(&registry, &needs_time()).await;
    let other = register(&registry, &provider("other-1", &["other"])).await;
    // The name of an answer outlives the registry that gave it.
    let registry = registry.restart(Duration::from_secs(1)).await;
    let sockets = Sockets::of(&registry).await;
    let mut watch = Watch::open(&sockets, "report-1", Some(&held)).await;
    let mut of_other = Watch::open(&sockets, "other-1", Some(&other)).await;
    // Of no concern to `report-1`; nor is anything here to `other-1`.
    registry.register(&provider("else-1", &["else"])).await;
    registry.register(&provider("clock-1", &["time"])).await;
    let event = watch.event().await.unwrap();
    assert_eq!(event.provider(), "clock-1", "the first event is the change");
    registry.leave("other-1").await;
    let event = of_other.event().await.unwrap();
    assert_eq!(event.name, "gone", "the first event is the goodbye");

    let mut again = Watch::open(&sockets, "report-1", Some(&held)).await;
    assert_eq!(again.event().await.unwrap().provider(), "clock-1");
    let mut lost = Watch::open(&sockets, "report-1", Some("no id at all")).await;
    assert_eq!(lost.event().await.unwrap().provider(), "clock-1");
}

#[tokio::test]
async fn a_pushed_answer_counts_as_fetched_when_the_agent_says_so() {
    let registry = Registry::new().await;
    let old = register(&registry, &needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut watch = Watch::open(&sockets, "report-1", Some(&old)).await;
    assert_eq!(ping_with(&registry, "report-1", &old).await, 200);
    registry.register(&provider("clock-1", &["time"])).await;
    let pushed = watch.event().await.unwrap();
    assert_eq!(
        registry.ping("report-1").await,
        202,
        "it may have been lost"
    );
    assert_eq!(
        ping_with(&registry, "report-1", &old).await,
        202,
        "it was lost"
    );
    assert_eq!(ping_with(&registry, "report-1", "nonsense").await, 202);
    assert_eq!(ping_with(&registry, "report-1", &pushed.id).await, 200);
    assert_eq!(
        registry.ping("report-1").await,
        200,
        "the registry took note"
    );
    // An answer that a registration handed out may be lost just as well.
    assert_eq!(ping_with(&registry, "report-1", &old).await, 202);
}

#[tokio::test]
async fn after_a_restart_the_registry_goes_by_what_it_remembers_unless_the_words_differ() {
    let registry = Registry::new().await;
    // So that the generation is another one after the restart.
    registry.register(&provider("z-1", &["z"])).await;
    let old = register(&registry, &needs_time()).await;
    registry.register(&provider("clock-1", &["time"])).await;
    let held = register(&registry, &needs_time()).await;
    let registry = registry.restart(Duration::from_secs(1)).await;
    assert_eq!(ping_with(&registry, "report-1", &held).await, 200);
    assert_eq!(ping_with(&registry, "report-1", &old).await, 202);
    let registry = registry.crash().await;
    assert_eq!(ping_with(&registry, "report-1", &held).await, 202);
    let renewed = register(&registry, &needs_time()).await;
    assert_eq!(ping_with(&registry, "report-1", &renewed).await, 200);
}

#[tokio::test]
async fn an_agent_that_is_given_up_is_told_and_its_stream_ends() {
    let registry = Registry::new().await;
    registry.register(&needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut watch = Watch::open(&sockets, "report-1", None).await;
    assert_eq!(watch.event().await.unwrap().name, "answer");
    assert_eq!(registry.leave("report-1").await, 204);
    let gone = watch.event().await.unwrap();
    assert_eq!((gone.name.as_str(), gone.id.as_str()), ("gone", ""));
    assert_eq!(
        (&gone.data["error"], &gone.data["hint"]),
        (
            &json!("agent `report-1` is not registered, or was given up"),
            &json!("register with `POST /heartbeat`")
        )
    );
    assert!(watch.event().await.is_none());

    // An open stream is no sign of life: the far end may be long dead.
    registry.register(&needs_time()).await;
    let mut watch = Watch::open(&sockets, "report-1", None).await;
    assert_eq!(watch.event().await.unwrap().name, "answer");
    registry.clock.advance(Duration::from_secs(21));
    registry.app.age_silent_agents().await;
    assert_eq!(watch.event().await.unwrap().name, "gone");
    assert!(watch.event().await.is_none());
}

#[tokio::test]
async fn who_is_not_registered_cannot_watch() {
    let registry = Registry::new().await;
    registry.register(&needs_time()).await;
    registry.leave("report-1").await;
    for id in ["report-1", "nobody", "%FF"] {
        let path = format!("/agents/{id}/watch");
        let reply = registry.send(Method::GET, &path, Body::empty()).await;
        assert_eq!(reply.status, StatusCode::GONE, "{id}");
        assert_eq!(reply.json()["hint"], "register with `POST /heartbeat`");
    }
    for method in [Method::HEAD, Method::POST] {
        let reply = registry
            .send(method, "/agents/report-1/watch", Body::empty())
            .await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
    }
    registry.app.begin_stop();
    registry.register(&needs_time()).await;
    let reply = registry
        .send(Method::GET, "/agents/report-1/watch", Body::empty())
        .await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn open_streams_do_not_delay_the_end_of_the_registry() {
    let registry = Registry::new().await;
    registry.register(&needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut watches = Vec::new();
    for _ in 0..3 {
        let mut watch = Watch::open(&sockets, "report-1", None).await;
        assert_eq!(watch.event().await.unwrap().name, "answer");
        watches.push(watch);
    }
    let took = sockets.stop().await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    for mut watch in watches {
        assert!(watch.event().await.is_none());
    }
}

#[tokio::test]
async fn a_reader_who_slept_finds_the_newest_answer_and_not_all_between() {
    const CHANGES: usize = 60;
    let registry = Registry::new().await;
    let held = register(&registry, &needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut watch = Watch::open(&sockets, "report-1", Some(&held)).await;
    // More in all than a connection's buffers take.
    let bulk = "x".repeat(512 << 10);
    for change in 1..=CHANGES {
        let mut clock = provider("clock-1", &["time"]);
        clock["tools"][0]["kwargs"] = json!({ "change": change, "bulk": bulk });
        registry.register(&clock).await;
    }
    let mut seen = Vec::new();
    while seen.last() != Some(&CHANGES) {
        let event = watch.event().await.expect("the newest is still to come");
        let kwargs = &event.data["dependencies_resolved"]["use"][0]["kwargs"];
        let change = kwargs["change"].as_u64().expect("a number");
        seen.push(usize::try_from(change).expect("a small number"));
    }
    assert!(seen.len() < CHANGES, "all {CHANGES} were kept for it");
    assert!(seen.is_sorted(), "{seen:?}");
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_still_there() {
    let registry = Registry::new().await;
    let held = register(&registry, &needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut watch = Watch::open(&sockets, "report-1", Some(&held)).await;
    assert_eq!(watch.piece().await.unwrap(), ": keep-alive\n\n");
}

#[tokio::test]
async fn the_ninth_watch_of_an_agent_ends_the_oldest() {
    let registry = Registry::new().await;
    registry.register(&needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut watches = Vec::new();
    for _ in 0..9 {
        let mut watch = Watch::open(&sockets, "report-1", None).await;
        assert_eq!(watch.event().await.unwrap().name, "answer");
        watches.push(watch);
    }
    assert!(watches[0].event().await.is_none());
    registry.register(&provider("clock-1", &["time"])).await;
    for watch in &mut watches[1..] {
        assert_eq!(watch.event().await.unwrap().provider(), "clock-1");
    }
}

#[tokio::test]
async fn a_reader_who_hangs_up_makes_room_at_once() {
    let registry = Registry::new().await;
    registry.register(&needs_time()).await;
    let sockets = Sockets::of(&registry).await;
    let mut kept = Watch::open(&sockets, "report-1", None).await;
    assert_eq!(kept.event().await.unwrap().name, "answer");
    for _ in 0..20 {
        let mut watch = Watch::open(&sockets, "report-1", None).await;
        assert_eq!(watch.event().await.unwrap().name, "answer");
        watch.stream.shutdown().await.expect("it is open");
        assert!(watch.event().await.is_none(), "the registry let go of it");
    }
    registry.register(&provider("clock-1", &["time"])).await;
    assert_eq!(kept.event().await.unwrap().provider(), "clock-1");
}
