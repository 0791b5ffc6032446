//! A `docker-compose.yml` for the agents of a folder.
//!
//! * `services` renders what runs, each with the volumes that it needs.
//! * `merge` adds services to a file that somebody has, and changes nothing else in it but what `tracing`
//!   adds to services that are there; `section` finds the lines where something can be added.
//! * `secrets` keeps passwords in `.env`.

mod merge;
mod secrets;
mod section;
mod services;
mod tracing;

pub(crate) use merge::merge;
pub(crate) use secrets::with_secrets;
pub(crate) use services::{Composition, Project, Stack};
