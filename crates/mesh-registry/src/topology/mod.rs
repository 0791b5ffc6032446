//! Who is in the mesh and who is wired to whom: all of it in memory, none of it I/O.
//!
//! * [`Profile`] is an agent's description, compiled once: tags and versions are parsed when an
//!   agent registers and never again.
//! * [`Mesh`] is an immutable snapshot; cloning one shares everything with the original.
//! * [`Draft`] applies changes to a copy of the snapshot. It knows which consumers a change can
//!   touch, so that a join costs what it touches and not what the mesh holds.
//! * [`Wiring`] is the answer to one consumer, resolved and spelled as JSON; [`AnswerId`] names it.
//!   What the consumer's LLM functions are given is chosen in [`llm`].
//!
//! How a dependency came to be wired can be told afterwards ([`Slot`]).
//!
//! The writer (`crate::writer`) makes a draft durable before anybody sees it.

mod agent;
mod answer_id;
mod availability;
mod draft;
mod endpoint;
mod function;
#[cfg(test)]
mod histories;
mod llm;
mod mesh;
mod profile;
mod requirements;
mod resolve;
mod sharing;
mod tally;
mod trace;
mod watches;
mod wiring;

pub(crate) use agent::{Agent, Pulse};
pub(crate) use answer_id::AnswerId;
pub(crate) use draft::{Draft, Loss, Resolved, Settled};
pub(crate) use endpoint::{Endpoint, Scheme};
pub(crate) use mesh::Mesh;
pub(crate) use profile::{Fingerprint, InvalidRegistration, Profile};
pub(crate) use requirements::RequiredCycle;
pub(crate) use trace::Slot;
pub(crate) use wiring::Wiring;
