//! What every other crate shares: plain data and pure rules, no I/O.
//!
//! * [`wire`] spells each JSON field of the protocol once, one file per resource.
//! * [`AgentId`] and [`Label`] are the names that agents choose; parsing is the only way in.
//! * [`env`] declares each environment variable once.
//! * [`Hint`] is advice beside an error.
//! * [`matching`] judges which providers may serve a dependency, and which best.
//! * [`subject`] writes the name in a certificate.
//! * [`schema`] brings JSON schemas into the form whose hash agents compare.
//! * [`Clock`] is the only thing that asks the machine for the time.

pub mod clock;
pub mod env;
pub mod hint;
pub mod ids;
pub mod matching;
pub mod schema;
mod subject;
pub mod wire;

pub use clock::{Clock, Timestamp};
pub use hint::Hint;
pub use ids::{AgentId, InvalidName, Label};
pub use subject::subject;

/// The version of this release: `[workspace.package] version`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
