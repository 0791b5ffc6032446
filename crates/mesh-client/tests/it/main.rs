//! The client against servers that behave, and servers that do not.

mod calls;
mod jobs;
mod registry;
mod releases;
mod streams;
#[cfg(unix)]
mod tls;
mod watch;
