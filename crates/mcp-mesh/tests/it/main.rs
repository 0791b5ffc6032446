//! The two programs as processes: Cargo offers their paths to this package only.

mod crash;
mod queries;
mod registry;
mod self_update;
mod stage;
mod start;
mod stop;
mod usage;
