//! Published releases: which there are, and their files.
//!
//! * [`ReleaseSource`] says where releases lie: the repository, a mirror of it, or one folder.
//! * [`VersionRequest`] is what a user asks for, [`ReleaseClient`] finds it and fetches its files.
//!
//! Nothing here judges what it fetched: a file is complete and of sensible size, and whoever uses it
//! verifies it.

mod client;
mod error;
mod source;
mod version;

pub use client::{Progress, ReleaseClient};
pub use error::ReleaseError;
pub use source::ReleaseSource;
pub use version::{InvalidVersionRequest, VersionRequest};
