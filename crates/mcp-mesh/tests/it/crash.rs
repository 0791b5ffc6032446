//! Kill -9 under load: what the registry acknowledged is there when it comes back.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use mesh_core::wire::{AgentList, Answer, AnswerStatus, Registration};
use mesh_test::http1::HttpConnection;
use mesh_test::{Random, fake, test_context};

const SEED: u64 = 0x004d_4553_4820_3230;
const KILLS: usize = 20;
const CLIENTS: usize = 200;
/// Longer than any answer takes, shorter than the test's patience.
const LIMIT: Duration = Duration::from_secs(10);

/// What one agent said of itself, as revisions, and what it was told.
#[derive(Debug, Clone, Copy, Default)]
struct Claim {
    sent: u64,
    acknowledged: Option<u64>,
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "under Wine, where alone `-gnu` programs are run, next to nothing is acknowledged between two kills"
)]
fn twenty_kills_under_200_concurrent_registrations_lose_no_acknowledged_one() {
    println!("seed {SEED:#x}");
    let mut random = Random::from_seed(SEED);
    let mut context = test_context!().with_registry();
    let mut claims = BTreeMap::<String, Claim>::new();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let address = context.registry().address();
        let barrier = Barrier::new(CLIENTS + 1);
        let moment = random.between(Duration::from_millis(2), Duration::from_millis(250));
        let spoken = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let barrier = &barrier;
                    let id = format!("crash-{kill}-{client}");
                    scope.spawn(move || register_until_cut_off(&id, address, barrier))
                })
                .collect();
            barrier.wait();
            thread::sleep(moment);
            context.registry_mut().kill_9().unwrap();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect::<Vec<_>>()
        });
        for (id, claim) in spoken.into_iter().flatten() {
            acknowledged += claim.acknowledged.map_or(0, |last| last + 1);
            claims.insert(id, claim);
        }
        context.registry_mut().restart().unwrap();
        assert_all_kept(&claims, &mut context.registry().connect().unwrap(), kill);
    }
    println!(
        "{acknowledged} registrations of {} agents were acknowledged and kept",
        claims.len()
    );
    assert!(
        acknowledged > KILLS as u64 * 10,
        "only {acknowledged} registrations were acknowledged: too few to prove anything"
    );
}

/// Registers new agents and changes each of them once, until the connection breaks.
fn register_until_cut_off(
    id: &str,
    address: SocketAddr,
    barrier: &Barrier,
) -> Vec<(String, Claim)> {
    let connection = HttpConnection::open(address, LIMIT);
    barrier.wait();
    let mut connection = connection.expect("the registry listens");
    let mut claims = Vec::new();
    for number in 0..u64::MAX {
        let id = format!("{id}-{number}");
        let mut claim = Claim::default();
        for revision in 0..2 {
            claim.sent = revision;
            if register(&mut connection, &registration(&id, revision)).is_err() {
                claims.push((id, claim));
                return claims;
            }
            claim.acknowledged = Some(revision);
        }
        claims.push((id, claim));
    }
    claims
}

/// An agent whose version, and whose capability's version, is the revision.
fn registration(id: &str, revision: u64) -> Registration {
    let mut tool = fake::tool_needing("survive", &["power"]);
    tool.version = Some(format!("{revision}.0.0"));
    Registration {
        version: tool.version.clone(),
        ..fake::agent(id, "http://127.0.0.1:9", vec![tool])
    }
}

/// An error is a connection that broke; a refusal is a failure of the test.
fn register(connection: &mut HttpConnection, registration: &Registration) -> io::Result<()> {
    let answer = connection.send("POST", "/heartbeat", &serde_json::to_vec(registration)?)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Answer = serde_json::from_slice(&answer.body)?;
    assert_eq!(body.status, AnswerStatus::Success, "{}", body.message);
    Ok(())
}

fn assert_all_kept(claims: &BTreeMap<String, Claim>, connection: &mut HttpConnection, kill: usize) {
    let answer = connection
        .send("GET", "/agents", b"")
        .expect("the registry answers");
    let list: AgentList = serde_json::from_slice(&answer.body).expect("the answer is a list");
    let kept: BTreeMap<_, _> = list
        .agents
        .into_iter()
        .map(|agent| (agent.id.clone(), agent))
        .collect();
    for (id, claim) in claims {
        let Some(acknowledged) = claim.acknowledged else {
            continue;
        };
        let agent = kept
            .get(id)
            .unwrap_or_else(|| panic!("kill {kill} lost `{id}`, which was acknowledged"));
        let revision: u64 = agent
            .version
            .strip_suffix(".0.0")
            .and_then(|major| major.parse().ok())
            .expect("the version was stored as it was sent");
        assert!(
            (acknowledged..=claim.sent).contains(&revision),
            "after kill {kill} `{id}` is at revision {revision}; {claim:?}"
        );
        let capabilities: Vec<_> = agent.capabilities.iter().map(|c| &c.version).collect();
        assert_eq!(
            capabilities,
            [&agent.version],
            "kill {kill} tore the registration of `{id}` apart"
        );
    }
}
