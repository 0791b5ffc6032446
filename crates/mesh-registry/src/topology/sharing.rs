//! Schemas that many agents send are kept once. Replicas send the same ones, several kB an agent.
//!
//! There is no list of all schemas: an offer is compared with those that stand beside it among the
//! offers of its capability. The ids of replicas begin alike, so that is where replicas are. What
//! differs is kept as it is, and what nobody uses any more is gone with its last user.

use std::sync::Arc;

use super::function::Offer;
use super::resolve::{Candidate, OfferKey};
use super::{Mesh, Profile};

impl Mesh {
    /// Lets `profile` keep the schemas that offers beside its own keep already, in place of its own
    /// copies.
    pub(super) fn share_schemas(&self, profile: &mut Arc<Profile>) {
        // Whoever has the profile already may be reading it.
        let Some(profile) = Arc::get_mut(profile) else {
            return;
        };
        for (position, function) in profile.functions.iter_mut().enumerate() {
            if let Some(offer) = &mut function.offer {
                let key = (profile.id.clone(), position);
                for neighbour in self.neighbours(&offer.capability.clone(), &key) {
                    offer.share_schemas(neighbour.offer());
                }
            }
        }
    }

    /// The offers of `capability` that stand next to `key`, or there.
    fn neighbours(&self, capability: &str, key: &OfferKey) -> impl Iterator<Item = Candidate<'_>> {
        self.all_offers(capability)
            .flat_map(move |offers| [offers.get_prev(key), offers.get_next(key)])
            .flatten()
            .map(|((_, position), profile)| Candidate::new(profile, *position))
    }
}

impl Offer {
    /// Keeps the schemas of `other` where they are the same as its own.
    fn share_schemas(&mut self, other: &Self) {
        share(&mut self.input_schema, other.input_schema.as_ref());
        share(&mut self.output, other.output.as_ref());
    }
}

fn share<T: PartialEq>(own: &mut Option<Arc<T>>, other: Option<&Arc<T>>) {
    if own.as_ref() == other {
        *own = other.cloned();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_core::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::topology::function::Function;
    use crate::topology::{Draft, Fingerprint, Loss};

    /// A replica whose schemas are about `subject`.
    fn replica(id: &str, subject: &str) -> Arc<Profile> {
        let hash = format!("sha256:{subject}");
        let schema = json!({ "type": "object", "required": [subject] });
        let text = json!({ "agent_id": id, "tools": [{ "function_name": "f", "capability": "c",
            "inputSchema": schema, "outputSchemaHash": hash, "outputSchemaCanonical": schema }] })
        .to_string();
        let (_, fingerprint) = Fingerprint::read(text.as_bytes()).unwrap();
        let registration = serde_json::from_str(&text).unwrap();
        Arc::new(Profile::compile(registration, fingerprint, None).unwrap())
    }

    /// How many agents keep each schema of the agent `id`.
    fn sharers(mesh: &Mesh, id: &str) -> [usize; 2] {
        let offer = mesh.agent(id).unwrap().profile.functions[0].offer.as_ref();
        let offer = offer.unwrap();
        let input = offer.input_schema.as_ref().map(Arc::strong_count);
        let output = offer.output.as_ref().map(Arc::strong_count);
        [input.unwrap(), output.unwrap()]
    }

    #[test]
    fn replicas_share_what_is_the_same_and_leave_nothing_behind() {
        let now = Timestamp::from_seconds(1_790_000_000);
        let mut draft = Draft::new(&Mesh::default(), now);
        // One batch, healthy and not; the last one is another program.
        for (id, subject) in [("a-1", "x"), ("a-3", "x"), ("b-1", "y")] {
            draft.register(replica(id, subject), String::new()).unwrap();
            draft.lose("a-1", Loss::Left);
        }
        draft.register(replica("a-2", "x"), String::new()).unwrap();
        let mesh = draft.settle().mesh;
        assert_eq!(
            ["a-1", "a-2", "a-3"].map(|id| sharers(&mesh, id)),
            [[3; 2]; 3]
        );
        assert_eq!(sharers(&mesh, "b-1"), [1; 2]);

        // Who leaves for good, or says something else, leaves the others what they share.
        let later = Timestamp::from_seconds(1_790_000_100);
        let mut draft = Draft::new(&mesh, later);
        drop(mesh);
        draft.purge("a-1", Duration::from_secs(1));
        draft.register(replica("a-3", "z"), String::new()).unwrap();
        let mesh = draft.settle().mesh;
        assert_eq!(["a-2", "a-3"].map(|id| sharers(&mesh, id)), [[1; 2]; 2]);
    }

    #[test]
    fn a_schema_is_the_same_if_its_text_and_its_hash_are() {
        let offer = |text: &str| {
            let tool = serde_json::from_str(text).unwrap();
            let function = Function::compile(tool, &mut Vec::new());
            function.unwrap().offer.unwrap()
        };
        let published = |hash: &str, canonical: &str| {
            offer(&format!(
                r#"{{"function_name":"f","capability":"c","outputSchemaHash":"{hash}",
                    "outputSchemaCanonical":{canonical}}}"#
            ))
        };
        let known = published("h", r#"{"a":1}"#);
        for (hash, canonical, is_shared) in [
            ("h", r#"{"a":1}"#, true),
            ("h", r#"{"a":2}"#, false),
            ("i", r#"{"a":1}"#, false),
        ] {
            let mut own = published(hash, canonical);
            own.share_schemas(&known);
            let (kept, output) = (own.output.unwrap(), known.output.as_ref().unwrap());
            assert_eq!(Arc::ptr_eq(&kept, output), is_shared, "{hash} {canonical}");
            assert_eq!((kept.hash(), kept.canonical().get()), (hash, canonical));
        }
        let silent = offer(r#"{"function_name":"f","capability":"c"}"#);
        let mut own = published("h", "{}");
        own.share_schemas(&silent);
        assert!(own.output.is_some());
    }
}
