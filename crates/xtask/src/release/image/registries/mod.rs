//! Registries of images, such as Docker Hub: what they are asked, and how images get there.
//!
//! Reading is a few requests of ours, because an answer is a status and not a sentence; copying is
//! skopeo's, which keeps every digest.

mod api;
mod copy;
mod layouts;
mod login;
mod loopback;
mod name;
mod public;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod samples;

pub(crate) use api::{Api, Lookup, Transport, digest_of};
pub(crate) use copy::Skopeo;
pub(crate) use layouts::Layouts;
pub(crate) use login::Logins;
pub(crate) use loopback::Loopback;
pub(crate) use name::{Digest, Pinned, Prefixes, Repository};
pub(crate) use public::public;
