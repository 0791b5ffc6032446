//! Random histories of a mesh, lived by the topology and by a resolver that knows nothing of
//! increments: both must give every agent the same answer after every step, and exactly the agents
//! whose answer changed must be told.

mod naive;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesh_core::wire::AgentStatus;
use mesh_core::{AgentId, Timestamp};
use mesh_store::AgentRow;
use proptest::prelude::*;
use serde_json::Value;

use self::naive::Record;
use self::script::{Change, Step};
use super::{Draft, Fingerprint, Loss, Mesh, Profile, Resolved, Slot};

/// When an agent counts as silent.
const THRESHOLD: Duration = Duration::from_secs(20);
/// When a silent agent is forgotten.
const RETENTION: Duration = Duration::from_mins(1);

/// The topology, and beside it what the naive resolver and a ledger of fetched answers say.
struct World {
    mesh: Mesh,
    now: Timestamp,
    /// What every agent said last, and whether it counts as healthy.
    records: BTreeMap<String, Record>,
    /// The answer of each agent after the step before.
    answers: BTreeMap<String, Value>,
    /// Who should be told by his next ping.
    outdated: BTreeMap<String, bool>,
}

impl World {
    fn new() -> Self {
        Self {
            mesh: Mesh::default(),
            now: Timestamp::from_seconds(1_790_000_000),
            records: BTreeMap::new(),
            answers: BTreeMap::new(),
            outdated: BTreeMap::new(),
        }
    }

    fn live(&mut self, step: &Step) {
        match step {
            Step::Commit(changes) => self.commit(changes),
            Step::Wait { seconds, silent } => self.wait(*seconds, silent),
            Step::Fetch(id) => self.fetch(id),
            Step::Restart => self.restart(),
        }
    }

    /// Does what the writer does with a batch.
    fn commit(&mut self, changes: &[Change]) {
        let mut draft = Draft::new(&self.mesh, self.now);
        let mut fetching = Vec::new();
        for change in changes {
            match change {
                Change::Post(registration) => {
                    let (id, profile) = compile(registration);
                    let known = self.records.get(&id);
                    if known
                        .is_some_and(|known| known.healthy && known.registration == *registration)
                    {
                        continue; // Answered without the writer.
                    }
                    let outcome = draft.register(profile, registration.to_string());
                    let others = self.records.iter().filter(|(other, _)| **other != id);
                    let others = others.map(|(_, record)| &record.registration);
                    let refused = naive::has_cycle(others.chain([registration]));
                    assert_eq!(outcome.is_err(), refused, "{outcome:?} to {registration}");
                    if !refused {
                        fetching.push(id.clone());
                        let record = Record::new(registration.clone(), self.now);
                        self.records.insert(id, record);
                    }
                }
                Change::Leave(id) => {
                    draft.lose(id, Loss::Left);
                    if let Some(record) = self.records.get_mut(*id) {
                        record.healthy = false;
                    }
                }
                Change::Age => {
                    for (id, record) in &mut self.records {
                        draft.age(id, THRESHOLD);
                        record.healthy &= self.now.since(record.seen) <= THRESHOLD;
                    }
                }
                Change::Purge => {
                    for id in self.records.keys() {
                        draft.purge(id, RETENTION);
                    }
                    self.records.retain(|_, record| {
                        record.healthy || self.now.since(record.seen) <= RETENTION
                    });
                }
            }
        }
        let settled = draft.settle();
        let before = std::mem::replace(&mut self.mesh, settled.mesh);
        self.check_resolved(&before, &settled.resolved);
        self.note_changes();
        for id in fetching {
            self.fetch(&id);
        }
    }

    /// Time passes; every healthy agent pings, but for the `silent` one.
    fn wait(&mut self, seconds: i64, silent: &str) {
        self.now = Timestamp::from_nanos(self.now.as_nanos() + seconds * 1_000_000_000);
        for (id, record) in &mut self.records {
            if record.healthy && id != silent {
                record.seen = self.now;
                let agent = self.mesh.agent(id).expect("it is registered");
                agent.pulse.beat(self.now);
            }
        }
    }

    fn fetch(&mut self, id: &str) {
        if let Some(agent) = self.mesh.agent(id) {
            agent.mark_fetched();
            self.outdated.insert(id.to_owned(), false);
        }
    }

    /// Does what a start does with the rows of the store.
    fn restart(&mut self) {
        let mut draft = Draft::new(&Mesh::default(), self.now);
        let before = std::mem::take(&mut self.mesh);
        for agent in before.agents() {
            let row = AgentRow {
                agent_id: agent.profile.id.clone(),
                name: agent.profile.name.to_string(),
                status: agent.status,
                registration: String::new(),
                created_at: agent.created_at,
                last_seen: agent.pulse.last_seen(),
                entity_id: None,
                answer_digest: None,
            };
            draft.restore(agent.profile.clone(), &row);
        }
        self.mesh = draft.settle().mesh;
        for agent in self.mesh.agents() {
            let old = before
                .agent(agent.profile.id.as_str())
                .expect("it was restored");
            if !old.is_outdated() {
                assert_eq!(
                    old.wiring.digest, agent.wiring.digest,
                    "{}",
                    agent.profile.id
                );
                agent.mark_fetched();
            }
        }
    }

    /// Writes down who has to be told, by the naive resolver.
    fn note_changes(&mut self) {
        let answers = naive::answers(&self.records);
        for (id, answer) in &answers {
            let outdated = self.outdated.entry(id.clone()).or_insert(true);
            *outdated |= self.answers.get(id).is_some_and(|before| before != answer);
        }
        self.outdated.retain(|id, _| answers.contains_key(id));
        self.answers = answers;
    }

    fn check(&self) {
        assert_eq!(self.mesh.len(), self.records.len());
        for (id, record) in &self.records {
            let agent = self.mesh.agent(id).expect("it is registered");
            assert_eq!(agent.status == AgentStatus::Healthy, record.healthy, "{id}");
            assert_eq!(&answer(agent), &self.answers[id], "{id}");
            assert_eq!(
                agent.is_outdated(),
                self.outdated[id],
                "whether {id} is told"
            );
            self.check_listing(id);
        }
        self.mesh.check_indexes();
    }

    /// Slots that are said to have kept their winner have, and no slot is noted twice.
    fn check_resolved(&self, before: &Mesh, resolved: &Resolved) {
        for (id, position) in &resolved.again {
            let winner = |mesh| {
                let slot = Slot::find(mesh, id.as_str(), *position).expect("it is noted");
                let winner = slot.winner();
                winner.map(|(agent, function)| (agent.to_owned(), function.to_owned()))
            };
            assert_eq!(winner(before), winner(&self.mesh), "{id} {position}");
        }
        let all = resolved.anew.iter().chain(&resolved.again);
        let count = resolved.anew.len() + resolved.again.len();
        assert_eq!(all.collect::<BTreeSet<_>>().len(), count, "{resolved:?}");
    }

    /// What is not available has a reason, and nothing else has.
    fn check_listing(&self, id: &str) {
        let agent = self.mesh.agent(id).expect("it is registered");
        let expected = naive::available_functions(&self.records, id);
        let offers = agent.profile.offers();
        let reasons: Vec<_> = offers
            .map(|(position, _, _)| (position, self.mesh.unavailable_reason(agent, position)))
            .collect();
        for (position, reason) in &reasons {
            assert_eq!(
                reason.is_none(),
                expected.contains(position),
                "{id} {reason:?}"
            );
        }
        let all = reasons.iter().all(|(_, reason)| reason.is_none());
        if agent.status == AgentStatus::Healthy {
            assert_eq!(self.mesh.all_available(agent), all);
        }
    }
}

fn compile(registration: &Value) -> (String, Arc<Profile>) {
    let text = registration.to_string();
    let (_, fingerprint) = Fingerprint::read(text.as_bytes()).expect("it is JSON");
    let registration = serde_json::from_str(&text).expect("it is a registration");
    let profile = Profile::compile(registration, fingerprint, None).expect("it is valid");
    (profile.id.to_string(), Arc::new(profile))
}

fn answer(agent: &super::Agent) -> Value {
    let tail = String::from_utf8(agent.wiring.tail.to_vec()).expect("JSON is UTF-8");
    serde_json::from_str(&format!("{{{tail}")).expect("it is JSON")
}

proptest! {
    // Half of the usual number, or of `PROPTEST_CASES`: a history is long.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 2))]

    #[test]
    fn increments_answer_as_a_resolver_that_starts_anew(steps in script::history()) {
        let mut world = World::new();
        for step in &steps {
            world.live(step);
            world.check();
        }
    }
}

/// Two halves of a cycle can only come from a store that two registries wrote at once.
#[test]
fn functions_that_wait_for_each_other_are_not_available_until_the_circle_is_broken() {
    let link = |id: &str, capability: &str, need: &str| {
        compile(&serde_json::json!({ "agent_id": id, "tools": [{ "function_name": "f",
            "capability": capability, "dependencies": [{ "capability": need, "required": true }] }] }))
        .1
    };
    let now = Timestamp::from_seconds(1_790_000_000);
    let mut draft = Draft::new(&Mesh::default(), now);
    for (id, capability, need) in [("a-1", "a", "b"), ("b-1", "b", "a"), ("c-1", "c", "a")] {
        let profile = link(id, capability, need);
        let row = AgentRow {
            agent_id: AgentId::parse(id).expect("a plain id"),
            name: id.to_owned(),
            status: AgentStatus::Healthy,
            registration: String::new(),
            created_at: now,
            last_seen: now,
            entity_id: None,
            answer_digest: None,
        };
        draft.restore(profile, &row);
    }
    let mesh = draft.settle().mesh;
    let reason = |mesh: &Mesh, id: &str| mesh.unavailable_reason(mesh.agent(id).unwrap(), 0);
    assert_eq!(
        reason(&mesh, "a-1").as_deref(),
        Some("required dependency evaluation cycle at 'a'")
    );
    assert_eq!(
        reason(&mesh, "c-1").as_deref(),
        Some("required dep 'a' unavailable (provider a-1 unavailable)")
    );

    // Somebody outside the circle carries it; when he goes, it does not carry itself.
    let mut draft = Draft::new(&mesh, now);
    let free = serde_json::json!({ "agent_id": "b-2", "tools": [{ "function_name": "f", "capability": "b" }] });
    draft.register(compile(&free).1, String::new()).unwrap();
    let mesh = draft.settle().mesh;
    assert_eq!(
        ["a-1", "b-1", "c-1"].map(|id| reason(&mesh, id)),
        [None, None, None]
    );
    let mut draft = Draft::new(&mesh, now);
    draft.lose("b-2", Loss::Left);
    let mesh = draft.settle().mesh;
    assert!(
        ["a-1", "b-1", "c-1"]
            .iter()
            .all(|id| reason(&mesh, id).is_some())
    );

    // Whoever closes the circle again is refused, whoever only needs it is not.
    let mut draft = Draft::new(&mesh, now);
    assert!(
        draft
            .register(link("a-1", "a", "b"), String::new())
            .is_err()
    );
    draft
        .register(link("d-1", "d", "a"), String::new())
        .unwrap();
    let broken = serde_json::json!({ "agent_id": "b-1", "tools": [{ "function_name": "f", "capability": "b" }] });
    draft.register(compile(&broken).1, String::new()).unwrap();
    let mesh = draft.settle().mesh;
    assert_eq!(
        ["a-1", "b-1", "d-1"].map(|id| reason(&mesh, id)),
        [None, None, None]
    );
}
