//! The two programs as processes: Cargo offers their paths to this package only.

#[cfg(target_os = "linux")]
mod container;
mod crash;
mod healthcheck;
mod queries;
mod registry;
mod self_update;
mod stage;
mod start;
mod stop;
mod usage;
