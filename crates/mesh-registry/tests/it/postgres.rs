//! A registry on PostgreSQL: what it knows outlives it, and what the server does to itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Method;
use mesh_test::postgres::{Durability, Postgres, Stop};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::registry::{Registry, Reply, consumer, provider};

/// The longest that one request may take, with room for a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

fn job(submitter: &str) -> Value {
    json!({ "capability": "render", "submitted_payload": { "n": 3 }, "submitted_by": submitter })
}

async fn create_job(registry: &Registry, submitter: &str) -> Reply {
    let body = job(submitter).to_string();
    registry.send(Method::POST, "/jobs", body).await
}

#[tokio::test]
async fn a_restart_knows_agents_wiring_and_jobs() {
    let url = Postgres::shared().database().unwrap();
    let registry = Registry::with(&[("DATABASE_URL", &url)]).await;
    registry.register(&provider("clock-1", &["time"])).await;
    let needs_time = consumer("reader-1", &json!([{ "capability": "time" }]));
    registry.register(&needs_time).await;
    let job = create_job(&registry, "cli-1").await.json();

    let registry = registry.restart(Duration::from_secs(1)).await;
    assert_eq!(registry.ping("clock-1").await, 200);
    let agents = registry.get("/agents").await;
    assert_eq!(agents["count"], 2);
    let answer = registry.register(&needs_time).await;
    let wired = &answer["dependencies_resolved"]["use"][0];
    assert_eq!(wired["agent_id"], "clock-1", "{answer}");
    let id = job["id"].as_str().unwrap();
    assert_eq!(
        registry.get(&format!("/jobs/{id}")).await["status"],
        "working"
    );
    assert_eq!(registry.get("/ready").await["ready"], true);
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    agents: Vec<String>,
    jobs: Vec<String>,
    statuses: BTreeMap<(&'static str, u16), usize>,
    slowest: Duration,
}

impl Seen {
    fn note(&mut self, what: &'static str, status: u16, asked: Instant) -> u16 {
        *self.statuses.entry((what, status)).or_default() += 1;
        self.slowest = self.slowest.max(asked.elapsed());
        status
    }
}

/// Registers agents, creates jobs and pings until it is told to stop.
fn client(number: usize, registry: Arc<Registry>, stop: Arc<AtomicBool>) -> JoinHandle<Seen> {
    tokio::spawn(async move {
        let mut seen = Seen::default();
        for round in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let id = format!("agent-{number}-{round}");
            let body = provider(&id, &["time"]).to_string();
            let asked = Instant::now();
            let reply = registry.send(Method::POST, "/heartbeat", body).await;
            match seen.note("register", reply.status.as_u16(), asked) {
                200 => seen.agents.push(id),
                _ => assert!(reply.json()["error"].is_string(), "{}", reply.text),
            }
            let asked = Instant::now();
            let reply = create_job(&registry, "cli-1").await;
            if seen.note("create", reply.status.as_u16(), asked) == 201 {
                seen.jobs
                    .push(reply.json()["id"].as_str().expect("an id").to_owned());
            }
            for id in ["clock-1", "reader-1"] {
                let asked = Instant::now();
                let status = registry.ping(id).await;
                seen.note("ping", status, asked);
            }
        }
        seen
    })
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_stopped_and_started_under_load_costs_503s_and_nothing_else() {
    let mut server = Postgres::start(Durability::Full).unwrap();
    let url = server.database().unwrap();
    let registry = Arc::new(Registry::with(&[("DATABASE_URL", &url)]).await);
    registry.register(&provider("clock-1", &["time"])).await;
    let needs_time = consumer("reader-1", &json!([{ "capability": "time" }]));
    registry.register(&needs_time).await;

    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|number| client(number, registry.clone(), stop.clone()))
        .collect();
    let is_ready = async |wanted: u16| {
        let reply = registry.send(Method::GET, "/ready", Body::empty()).await;
        reply.status == wanted
    };
    let many = async |count: u64| registry.get("/agents").await["count"].as_u64() > Some(count);
    until("agents register", async || many(10).await).await;
    server = tokio::task::spawn_blocking(move || server.stop(Stop::Immediate).map(|()| server))
        .await
        .unwrap()
        .unwrap();
    until("the registry notices", async || is_ready(503).await).await;
    // Whoever is known stays known and wired.
    let agents = registry.get("/agents").await;
    let reader = agents["agents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["id"] == "reader-1");
    assert_eq!(reader.unwrap()["dependencies_resolved"], 1, "{agents}");
    let known = agents["count"].as_u64().unwrap();
    let server = tokio::task::spawn_blocking(move || server.resume().map(|()| server))
        .await
        .unwrap()
        .unwrap();
    until("the registry recovers", async || is_ready(200).await).await;
    until("agents register again", async || many(known + 10).await).await;
    stop.store(true, Ordering::Relaxed);

    let mut all = Seen::default();
    for client in clients {
        let seen = client.await.unwrap();
        all.agents.extend(seen.agents);
        all.jobs.extend(seen.jobs);
        all.slowest = all.slowest.max(seen.slowest);
        for (key, count) in seen.statuses {
            *all.statuses.entry(key).or_default() += count;
        }
    }
    for ((what, status), count) in &all.statuses {
        let expected: &[u16] = match *what {
            "ping" => &[200, 202, 503],
            "create" => &[201, 503],
            _ => &[200, 503],
        };
        assert!(
            expected.contains(status),
            "{count} times {status} to {what}"
        );
    }
    for what in ["register", "create", "ping"] {
        assert!(
            all.statuses.contains_key(&(what, 503)),
            "{:?}",
            all.statuses
        );
    }
    assert!(all.slowest < LIMIT, "{:?}", all.slowest);

    let registry = Arc::into_inner(registry).unwrap().crash().await;
    for id in &all.agents {
        assert_ne!(registry.ping(id).await, 410, "{id} was acknowledged");
    }
    for id in &all.jobs {
        assert_eq!(
            registry.get(&format!("/jobs/{id}")).await["status"],
            "working"
        );
    }
    drop(server);
}
