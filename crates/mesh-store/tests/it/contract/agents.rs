//! Agents and events.

use mesh_core::Timestamp;
use mesh_core::wire::{AgentStatus, EventKind};
use mesh_store::{AgentRow, Change, EventQuery, EventRow, PulseRow, Store, StoreError};

use crate::fixture::{agent, event, id};

async fn apply(store: &Store, changes: impl IntoIterator<Item = Change>) {
    let changes: Vec<Change> = changes.into_iter().collect();
    store
        .apply(&changes)
        .await
        .expect("the changes are applied");
}

async fn touch(store: &Store, pulses: &[PulseRow]) {
    store.touch(pulses).await.expect("the pulses are written");
}

async fn cap(store: &Store, keep: u64) -> u64 {
    store.cap_events(keep).await.expect("the events are capped")
}

async fn agents(store: &Store) -> Vec<AgentRow> {
    store.load_agents().await.expect("the agents are loaded")
}

async fn events(store: &Store, query: EventQuery) -> Vec<EventRow> {
    store.events(&query).await.expect("the events are read")
}

fn all() -> EventQuery {
    EventQuery {
        limit: 500,
        ..EventQuery::default()
    }
}

pub(super) async fn an_agent_comes_back_as_it_was_put(store: &Store) {
    let plain = AgentRow {
        entity_id: None,
        answer_digest: None,
        ..agent("plain")
    };
    apply(store, [plain.clone(), agent("full")].map(Change::Put)).await;
    assert_eq!(agents(store).await, [agent("full"), plain]);
    store.ping().await.expect("the store answers");
}

pub(super) async fn a_second_put_replaces_all_but_the_creation_time(store: &Store) {
    apply(store, [Change::Put(agent("a"))]).await;
    let again = AgentRow {
        agent_id: id("a"),
        name: "renamed".to_owned(),
        status: AgentStatus::Unknown,
        registration: "{}".to_owned(),
        created_at: Timestamp::from_seconds(2_000_000_000),
        last_seen: Timestamp::from_seconds(2_000_000_001),
        entity_id: None,
        answer_digest: None,
    };
    apply(store, [Change::Put(again.clone())]).await;
    let expected = AgentRow {
        created_at: agent("a").created_at,
        ..again
    };
    assert_eq!(agents(store).await, [expected]);
}

pub(super) async fn the_last_put_of_a_batch_wins(store: &Store) {
    let later = AgentRow {
        name: "later".to_owned(),
        created_at: Timestamp::from_seconds(1_800_000_000),
        ..agent("a")
    };
    let rows = [agent("a"), agent("b"), later.clone()];
    apply(store, rows.map(Change::Put)).await;
    let expected = AgentRow {
        created_at: agent("a").created_at,
        ..later
    };
    assert_eq!(agents(store).await, [expected, agent("b")]);
}

pub(super) async fn texts_of_any_length_and_letter_are_taken(store: &Store) {
    let long = "ü".repeat(20_000);
    let row = AgentRow {
        name: long.clone(),
        ..agent("a")
    };
    let about = |function: &str| {
        Change::Record(EventRow {
            function_name: Some(function.to_owned()),
            ..event(EventKind::DependencyResolved, "a")
        })
    };
    apply(store, [Change::Put(row), about(&long), about("a\0b")]).await;
    assert_eq!(agents(store).await[0].name, long);
    for function in [long.as_str(), "a\0b"] {
        let query = EventQuery {
            function_name: Some(function.to_owned()),
            ..all()
        };
        assert_eq!(events(store, query).await.len(), 1, "{function}");
    }
}

pub(super) async fn a_change_of_status_leaves_the_rest(store: &Store) {
    apply(store, ["a", "b", "c"].map(|name| Change::Put(agent(name)))).await;
    let unhealthy = |name| Change::SetStatus {
        agent_id: id(name),
        status: AgentStatus::Unhealthy,
    };
    apply(store, ["a", "c", "stranger"].map(unhealthy)).await;
    let expected = |name, status| AgentRow {
        status,
        ..agent(name)
    };
    assert_eq!(
        agents(store).await,
        [
            expected("a", AgentStatus::Unhealthy),
            expected("b", AgentStatus::Healthy),
            expected("c", AgentStatus::Unhealthy),
        ]
    );
}

pub(super) async fn changes_are_done_in_order(store: &Store) {
    let reborn = AgentRow {
        created_at: Timestamp::from_seconds(1_800_000_000),
        ..agent("reborn")
    };
    let status = |status| Change::SetStatus {
        agent_id: id("moody"),
        status,
    };
    apply(
        store,
        [
            Change::Put(agent("reborn")),
            Change::Put(agent("moody")),
            Change::Record(event(EventKind::Register, "reborn")),
            status(AgentStatus::Unhealthy),
            Change::Put(agent("brief")),
            Change::Delete(id("reborn")),
            Change::Delete(id("brief")),
            Change::Put(reborn.clone()),
            status(AgentStatus::Unknown),
            Change::Record(event(EventKind::Unregister, "brief")),
        ],
    )
    .await;
    let moody = AgentRow {
        status: AgentStatus::Unknown,
        ..agent("moody")
    };
    assert_eq!(agents(store).await, [moody, reborn]);
    let kinds: Vec<EventKind> = events(store, all()).await.iter().map(|e| e.kind).collect();
    assert_eq!(kinds, [EventKind::Unregister, EventKind::Register]);
}

pub(super) async fn batches_of_any_size_arrive(store: &Store) {
    apply(store, []).await;
    touch(store, &[]).await;
    let mut stored = 0;
    for size in [1, 3, 4, 20, 63, 64, 85, 149] {
        let rows = (0..size).map(|n| agent(&format!("agent-{size:03}-{n:03}")));
        let changes = rows.flat_map(|row| {
            let joined = event(EventKind::Register, row.agent_id.as_str());
            [Change::Put(row), Change::Record(joined)]
        });
        apply(store, changes).await;
        stored += size;
        assert_eq!(agents(store).await.len(), stored);
    }
    assert_eq!(events(store, all()).await.len(), stored);
}

pub(super) async fn a_batch_whose_caller_went_away_is_all_or_nothing(store: &Store) {
    let size = 150;
    let batch = |round: usize| -> Vec<Change> {
        (0..size)
            .map(|n| Change::Put(agent(&format!("agent-{round}-{n}"))))
            .collect()
    };
    for round in 0..12 {
        // Dropped after so many steps, so that each round stops somewhere else.
        let changes = batch(round);
        let mut writing = std::pin::pin!(store.apply(&changes));
        for _ in 0..round {
            tokio::select! {
                biased;
                _ = &mut writing => break,
                () = tokio::task::yield_now() => {}
            }
            std::thread::yield_now();
        }
    }
    apply(store, batch(99)).await;
    let stored = agents(store).await.len();
    assert_eq!(stored % size, 0, "{stored} agents are stored");
    assert!(stored >= size);
}

pub(super) async fn pulses_reach_known_agents_only(store: &Store) {
    let known = 300;
    let name = |n: u8| format!("agent-{n:03}");
    apply(store, (0..100).map(|n| Change::Put(agent(&name(n))))).await;
    let pulse = |agent_id: &str, n: u8| PulseRow {
        agent_id: id(agent_id),
        last_seen: Timestamp::from_seconds(known + i64::from(n)),
        answer_digest: Some([n; 16]),
    };
    let mut pulses: Vec<PulseRow> = (0..90).map(|n| pulse(&name(n), n)).collect();
    pulses.push(pulse("stranger", 0));
    touch(store, &pulses).await;

    let stored = agents(store).await;
    assert_eq!(stored.len(), 100);
    for (n, row) in (0..100).zip(stored) {
        let expected = if n < 90 {
            AgentRow {
                last_seen: Timestamp::from_seconds(known + i64::from(n)),
                answer_digest: Some([n; 16]),
                ..agent(&name(n))
            }
        } else {
            agent(&name(n))
        };
        assert_eq!(row, expected);
    }
}

pub(super) async fn events_come_newest_first_and_match_every_filter(store: &Store) {
    let of = |kind, agent_id: &str, function: Option<&str>, second| {
        Change::Record(EventRow {
            function_name: function.map(str::to_owned),
            timestamp: Timestamp::from_seconds(second),
            data: None,
            ..event(kind, agent_id)
        })
    };
    apply(
        store,
        [
            Change::Put(agent("a")),
            of(EventKind::Register, "a", None, 1),
            of(EventKind::DependencyResolved, "a", Some("report"), 2),
            of(EventKind::DependencyResolved, "b", Some("report"), 3),
            of(EventKind::DependencyUnresolved, "a", Some("other"), 4),
        ],
    )
    .await;
    let seconds = async |query: EventQuery| -> Vec<i64> {
        let rows = events(store, query).await;
        rows.iter().map(|row| row.timestamp.as_seconds()).collect()
    };
    let text = |value: &str| Some(value.to_owned());

    assert_eq!(seconds(all()).await, [4, 3, 2, 1]);
    assert_eq!(seconds(EventQuery { limit: 2, ..all() }).await, [4, 3]);
    let of_a = EventQuery {
        agent_id: text("a"),
        ..all()
    };
    assert_eq!(seconds(of_a.clone()).await, [4, 2, 1]);
    let reports = EventQuery {
        function_name: text("report"),
        ..all()
    };
    assert_eq!(seconds(reports.clone()).await, [3, 2]);
    let resolved = EventQuery {
        kind: text("dependency_resolved"),
        ..all()
    };
    assert_eq!(seconds(resolved.clone()).await, [3, 2]);
    let everything = EventQuery {
        kind: resolved.kind,
        agent_id: of_a.agent_id,
        function_name: reports.function_name,
        limit: 500,
    };
    assert_eq!(seconds(everything).await, [2]);
    let nobody_knows = EventQuery {
        kind: text("exploded"),
        ..all()
    };
    assert_eq!(seconds(nobody_knows).await, [0_i64; 0]);

    let rows = events(store, all()).await;
    let names: Vec<Option<&str>> = rows.iter().map(|row| row.agent_name.as_deref()).collect();
    let a = Some("name-of-a");
    assert_eq!(names, [a, None, a, a]);
    assert!(rows.iter().all(|row| row.data.is_none()));
}

pub(super) async fn events_outlive_their_agent(store: &Store) {
    let leaving = [
        Change::Put(agent("a")),
        Change::Record(event(EventKind::Register, "a")),
        Change::Delete(id("a")),
    ];
    apply(store, leaving).await;
    assert_eq!(agents(store).await, []);
    let rows = events(store, all()).await;
    assert_eq!(rows[0].agent_id, "a");
    assert_eq!(rows[0].agent_name, None);
    let data: Vec<Option<&str>> = rows
        .iter()
        .map(|row| row.data.as_ref().map(|data| data.get()))
        .collect();
    assert_eq!(data, [Some(r#"{"n":1}"#)]);
}

pub(super) async fn capping_keeps_the_newest_events(store: &Store) {
    assert_eq!(cap(store, 5).await, 0);
    let record = |n: u32| Change::Record(event(EventKind::Register, &format!("agent-{n}")));
    apply(store, (0..40).map(record)).await;
    assert_eq!(cap(store, 100).await, 0);
    assert_eq!(cap(store, 3).await, 37);
    assert_eq!(cap(store, 3).await, 0);
    apply(store, (40..42).map(record)).await;
    assert_eq!(cap(store, 3).await, 2);
    let rows = events(store, all()).await;
    let ids: Vec<&str> = rows.iter().map(|row| row.agent_id.as_str()).collect();
    assert_eq!(ids, ["agent-41", "agent-40", "agent-39"]);
    assert_eq!(cap(store, u64::MAX).await, 0);
}

pub(super) async fn a_closed_store_says_so(store: &Store) {
    store.clone().close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(store.load_agents().await, Err(StoreError::Closed)));
    let changes = [Change::Put(agent("a"))];
    assert!(matches!(
        store.apply(&changes).await,
        Err(StoreError::Closed)
    ));
}
