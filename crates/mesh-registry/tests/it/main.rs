//! The registry through its router: no socket, a real SQLite file, a clock that tests move.

mod heartbeat;
mod lifecycle;
mod listing;
mod proxy;
mod registry;
mod resolution;
mod service;
