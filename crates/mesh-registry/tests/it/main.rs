//! The registry through its router, with a real SQLite file and a clock that tests move; sockets only
//! where they are what is tested.

mod administration;
mod audit;
mod heartbeat;
mod in_memory;
mod jobs;
mod lifecycle;
mod limits;
mod listing;
mod llm;
#[cfg(unix)]
mod outage;
#[cfg(unix)]
mod postgres;
mod proxy;
mod published;
mod registry;
mod required;
mod resolution;
mod schema;
mod service;
mod surface;
#[cfg(unix)]
mod traces;
mod watch;
