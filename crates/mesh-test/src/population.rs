//! A whole mesh of agents whose registrations have the size and shape of real ones: five tools
//! with input and output schemas, three dependencies with tags and versions, twenty providers of
//! each capability.

use std::fmt::Write as _;

use mesh_core::wire::{Dependency, Registration, TagEntry, Tool};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Random;
use crate::fake;

/// How many agents offer the same five capabilities.
const PROVIDERS: usize = 20;
const TOOLS: usize = 5;
/// The agents' clock stands here; the number of the heartbeat makes up the fraction.
const SECOND: &str = "2026-01-02T03:04:05.";
const FRACTION: usize = 9;

/// `size` agents, the same ones every time.
#[derive(Debug, Clone, Copy)]
pub struct Population {
    size: usize,
}

impl Population {
    /// A mesh of `size` agents, which must not be 0.
    #[must_use]
    pub const fn of(size: usize) -> Self {
        Self { size }
    }

    /// How many agents there are.
    #[must_use]
    pub const fn size(self) -> usize {
        self.size
    }

    /// The id of agent `index`: a name and eight hex digits, as the runtimes build it. The digits
    /// scatter the ids, so that who comes last is not always the last resort.
    #[must_use]
    pub fn id(self, index: usize) -> String {
        let hex = Random::from_seed(index as u64).number() >> 32;
        format!("{}-{hex:08x}", name(index))
    }

    /// What agent `index` says of itself.
    #[must_use]
    pub fn registration(self, index: usize) -> Registration {
        let group = index / PROVIDERS;
        let mut tools: Vec<Tool> = (0..TOOLS).map(|tool| offer(index, group, tool)).collect();
        let needs = self.needs(index);
        for (tool, need) in needs.into_iter().enumerate() {
            tools[tool / 2].dependencies.push(need.into());
        }
        Registration {
            agent_id: self.id(index),
            description: Some(format!(
                "Agent {index} of a mesh that exists only to be measured"
            )),
            timestamp: Some(
                to_raw_value(&format!("{SECOND}{:0FRACTION$}Z", 0)).expect("text is JSON"),
            ),
            a2a_producer: Some(false),
            a2a_consumer: Some(false),
            ..fake::agent(
                &name(index),
                &format!(
                    "http://10.{}.{}.{}:9000",
                    index / 65_536,
                    index / 256 % 256,
                    index % 256
                ),
                tools,
            )
        }
    }

    /// The heartbeat of agent `index`, ready to be sent again and again.
    #[must_use]
    pub fn heartbeat(self, index: usize) -> Heartbeat {
        Heartbeat::of(&self.registration(index))
    }

    /// Three capabilities of other groups, where there are others.
    fn needs(self, index: usize) -> Vec<Dependency> {
        let groups = self.size.div_ceil(PROVIDERS);
        let mut random = Random::from_seed(!(index as u64));
        (0..3)
            .map(|_| {
                let group = usize::try_from(random.below(groups as u64)).unwrap_or(0);
                let tool = usize::try_from(random.below(TOOLS as u64)).unwrap_or(0);
                Dependency {
                    tags: vec![
                        TagEntry::One("prod".to_owned()),
                        TagEntry::One("+fast".to_owned()),
                        TagEntry::One("-beta".to_owned()),
                        TagEntry::AnyOf(vec!["py".to_owned(), "ts".to_owned()]),
                    ],
                    version: Some(">=1.1.0".to_owned()),
                    ..fake::dependency(&capability(group, tool))
                }
            })
            .collect()
    }
}

fn name(index: usize) -> String {
    format!("bench-agent-{index:05}")
}

fn capability(group: usize, tool: usize) -> String {
    format!("inventory_{group:04}_{tool}")
}

fn offer(index: usize, group: usize, tool: usize) -> Tool {
    let capability = capability(group, tool);
    let input = schema(&capability, "Request", &["warehouse", "article"]);
    let output = schema(&capability, "Report", &["location", "reserved"]);
    let mut tags = vec!["prod".to_owned()];
    tags.push(if index.is_multiple_of(2) { "py" } else { "ts" }.to_owned());
    if index.is_multiple_of(3) {
        tags.push("fast".to_owned());
    }
    if index.is_multiple_of(7) {
        tags.push("beta".to_owned());
    }
    Tool {
        version: Some(format!("1.{}.{tool}", index % 4)),
        tags,
        description: Some(format!(
            "Looks up {capability} and answers with what is in stock, what is reserved and where"
        )),
        input_schema: Some(raw(&input.documented)),
        input_schema_hash: Some(input.hash()),
        input_schema_canonical: Some(raw(&input.canonical)),
        output_schema: Some(raw(&output.documented)),
        output_schema_hash: Some(output.hash()),
        output_schema_canonical: Some(raw(&output.canonical)),
        kwargs: Some(raw(&json!({
            "task": false, "resume_cursor": false, "timeout": 30, "function_name": capability,
        }))),
        ..fake::tool(&capability)
    }
}

/// A schema as FastMCP derives it from a signature, and its canonical form.
struct Schema {
    documented: Value,
    canonical: Value,
}

impl Schema {
    fn hash(&self) -> String {
        let digest = Sha256::digest(self.canonical.to_string());
        digest.iter().fold("sha256:".to_owned(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes everything");
            text
        })
    }
}

fn schema(capability: &str, title: &str, fields: &[&str]) -> Schema {
    let mut documented = serde_json::Map::new();
    let mut canonical = serde_json::Map::new();
    let mut required = Vec::new();
    for field in fields {
        documented.insert(
            (*field).to_owned(),
            json!({
                "title": field, "type": "string", "minLength": 1,
                "description": format!("The {field} that {capability} is asked about"),
            }),
        );
        canonical.insert(
            (*field).to_owned(),
            json!({"type": "string", "minLength": 1}),
        );
        required.push((*field).to_owned());
        let list = format!("{field}List");
        documented.insert(
            list.clone(),
            json!({
                "title": list, "type": "array", "items": {"type": "integer"}, "default": [],
            }),
        );
        canonical.insert(list, json!({"type": "array", "items": {"type": "integer"}}));
    }
    required.sort();
    Schema {
        documented: json!({
            "title": format!("{title} of {capability}"), "type": "object",
            "additionalProperties": false, "properties": documented, "required": required,
        }),
        canonical: json!({
            "type": "object", "properties": canonical, "required": required,
        }),
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).expect("a JSON value is JSON")
}

/// A rendered registration in which only the timestamp changes.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    body: Vec<u8>,
    fraction: usize,
}

impl Heartbeat {
    /// Renders `registration`, whose timestamp is replaced.
    ///
    /// # Panics
    ///
    /// Never: what is on the wire is JSON.
    #[must_use]
    pub fn of(registration: &Registration) -> Self {
        let stamped = Registration {
            timestamp: Some(
                to_raw_value(&format!("{SECOND}{:0FRACTION$}Z", 0)).expect("text is JSON"),
            ),
            ..registration.clone()
        };
        let body = serde_json::to_vec(&stamped).expect("a registration is JSON");
        let fraction = body
            .windows(SECOND.len())
            .position(|window| window == SECOND.as_bytes())
            .expect("the timestamp was just rendered")
            + SECOND.len();
        Self { body, fraction }
    }

    /// The body with the timestamp of heartbeat `number`.
    #[must_use]
    pub fn stamped(&mut self, number: usize) -> &[u8] {
        let mut rest = number;
        for digit in self.body[self.fraction..self.fraction + FRACTION]
            .iter_mut()
            .rev()
        {
            *digit = b'0' + u8::try_from(rest % 10).expect("one digit");
            rest /= 10;
        }
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn a_body_has_the_size_and_shape_of_a_real_one() {
        let registration = Population::of(1000).registration(321);
        let bytes = serde_json::to_vec(&registration).unwrap().len();
        assert!((11_000..14_000).contains(&bytes), "{bytes} bytes");
        assert_eq!(registration.tools.len(), 5);
        let needs: usize = registration
            .tools
            .iter()
            .map(|t| t.dependencies.len())
            .sum();
        assert_eq!(needs, 3);
        for tool in &registration.tools {
            assert_eq!(tool.input_schema_hash.as_ref().unwrap().len(), 7 + 64);
        }
    }

    #[test]
    fn every_capability_has_twenty_providers_and_every_agent_its_own_id() {
        let population = Population::of(200);
        let mut providers = BTreeMap::<String, usize>::new();
        let mut ids = BTreeSet::new();
        for index in 0..population.size() {
            let registration = population.registration(index);
            ids.insert(registration.agent_id);
            for tool in registration.tools {
                *providers.entry(tool.capability).or_default() += 1;
            }
        }
        assert_eq!(ids.len(), 200);
        assert_eq!(providers.len(), 50);
        assert!(providers.values().all(|count| *count == 20));
    }

    #[test]
    fn two_heartbeats_differ_in_their_timestamp_alone() {
        let mut heartbeat = Population::of(10).heartbeat(3);
        let first: Registration = serde_json::from_slice(heartbeat.stamped(1)).unwrap();
        let mut second: Registration =
            serde_json::from_slice(heartbeat.stamped(123_456_789)).unwrap();
        assert_eq!(
            second.timestamp.as_ref().unwrap().get(),
            "\"2026-01-02T03:04:05.123456789Z\""
        );
        second.timestamp.clone_from(&first.timestamp);
        assert_eq!(
            serde_json::to_string(&first).unwrap(),
            serde_json::to_string(&second).unwrap()
        );
    }
}
