//! The runtime against a registry and agents that say what a test tells them to.

mod calls;
mod heartbeat;
mod jobs;
mod registry;
mod settle;
#[cfg(unix)]
mod spans;
mod stop;
mod streams;
mod watch;
