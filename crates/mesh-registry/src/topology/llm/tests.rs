//! Choices that are kept up to date against choices that are made afresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_core::Timestamp;
use serde_json::{Value, json};

use crate::topology::{Draft, Fingerprint, Loss, Mesh, Profile, Wiring};

/// As random as a test has to be, and the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap() % bound
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

fn filters() -> Vec<Value> {
    let entries = [
        json!([]),
        json!(["a"]),
        json!(["b", "a"]),
        json!(["*"]),
        json!([{ "tags": ["x"] }]),
        json!([{ "tags": ["+y", "-x"], "version": ">=2" }, "c"]),
        json!([{ "capability": "a", "tags": ["+x", "+y"] }, {}]),
    ];
    let modes = ["all", "best_match", "*"];
    let each = entries
        .iter()
        .flat_map(|entries| modes.map(|mode| json!({ "filter": entries, "filter_mode": mode })));
    each.collect()
}

/// An agent with a few tools, some of which are LLM functions, need or require something.
fn registration(dice: &mut Dice, id: &str, filters: &[Value]) -> String {
    let tools = (0..=dice.below(2)).map(|position| {
        let mut tool = json!({
            "function_name": *dice.pick(&["f", "g", "h", "i"]),
            "capability": *dice.pick(&["a", "b", "c", "d"]),
            "version": *dice.pick(&["1.0.0", "2.0.0", "odd"]),
            "tags": dice.pick(&[&["x"][..], &["y"], &["x", "y"], &[]]),
            "description": format!("{position}"),
        });
        if dice.below(4) > 0 {
            tool["inputSchema"] = json!({ "type": "object" });
        }
        if dice.below(3) == 0 {
            tool["llm_filter"] = dice.pick(filters).clone();
        }
        if dice.below(4) == 0 {
            tool["llm_provider"] = json!({ "capability": *dice.pick(&["a", "d"]), "tags": ["+x"] });
        }
        if dice.below(6) == 0 {
            // What is required is offered by nobody who requires, so there is no circle.
            tool["dependencies"] = json!([{ "capability": "root", "required": true }]);
        }
        tool
    });
    let mut tools: Vec<_> = tools.collect();
    if id == "root-1" {
        tools = vec![json!({ "function_name": "root", "capability": "root" })];
    }
    json!({ "agent_id": id, "http_host": "h", "http_port": 1, "tools": tools }).to_string()
}

fn profile(text: &str) -> Arc<Profile> {
    let (_, fingerprint) = Fingerprint::read(text.as_bytes()).unwrap();
    let registration = serde_json::from_str(text).unwrap();
    Arc::new(Profile::compile(registration, fingerprint, None).unwrap())
}

/// Every agent's answer and its generation.
fn answers(mesh: &Mesh) -> BTreeMap<String, (Vec<u8>, u64)> {
    let answers = mesh.agents().map(|agent| {
        let answer = (agent.wiring.tail.to_vec(), agent.wiring.generation);
        (agent.profile.id.to_string(), answer)
    });
    answers.collect()
}

#[test]
fn choices_are_never_stale_and_only_news_counts_as_news() {
    let ids = ["m-1", "m-2", "m-3", "m-4", "m-5", "m-6", "root-1"];
    let filters = filters();
    let (mut chosen, mut changed) = (0, 0);
    for seed in 1_u64..=25 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut mesh = Mesh::default();
        for second in 0..60 {
            let mut draft = Draft::new(&mesh, Timestamp::from_seconds(second));
            let mut renewed = Vec::new();
            for _ in 0..=dice.below(3) {
                let id = *dice.pick(&ids);
                if dice.below(3) == 0 {
                    draft.lose(id, Loss::Left);
                } else {
                    let text = registration(&mut dice, id, &filters);
                    draft.register(profile(&text), text).unwrap();
                    renewed.push(id);
                }
            }
            let before = answers(&mesh);
            mesh = draft.settle().mesh;
            for agent in mesh.agents() {
                let (id, wiring) = (agent.profile.id.as_str(), &agent.wiring);
                let afresh = Wiring::resolve(&agent.profile, &mesh);
                let context = format!("{id}, seed {seed}, second {second}");
                assert_eq!(wiring.tail, afresh.tail, "{context}");
                assert_eq!(
                    serde_json::to_value(wiring.llm.tool_resolutions(&agent.profile)).unwrap(),
                    serde_json::to_value(afresh.llm.tool_resolutions(&agent.profile)).unwrap(),
                    "{context}"
                );
                chosen += wiring.llm.tool_resolutions(&agent.profile).len();
                if let Some((tail, generation)) = before.get(id)
                    && !renewed.contains(&id)
                {
                    let news = *tail != wiring.tail;
                    assert_eq!(*generation != wiring.generation, news, "{context}");
                    changed += usize::from(news);
                }
            }
        }
    }
    assert!(
        chosen > 1_000 && changed > 500,
        "{chosen} choices, {changed} changes"
    );
}
