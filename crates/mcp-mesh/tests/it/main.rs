//! The two programs as processes: Cargo offers their paths to this package only.

mod administration;
mod answers;
mod backup;
mod calls;
mod completion;
mod config;
// Its server needs `openssl`.
#[cfg(unix)]
mod connection;
#[cfg(target_os = "linux")]
mod container;
mod crash;
mod decisions;
// Its paths and messages are the system's.
#[cfg(unix)]
mod entity;
// Its agents are scripts, its files have owners.
#[cfg(unix)]
mod doctor;
mod healthcheck;
mod jobs;
#[cfg(unix)]
mod languages;
mod list;
mod live;
mod logs;
mod man;
// What stands in the way is named in the words of the system.
#[cfg(unix)]
mod obstacles;
mod other_versions;
mod queries;
mod registry;
mod registry_command;
#[cfg(unix)]
mod reload;
#[cfg(unix)]
mod robustness;
mod scaffold;
mod scaffold_compose;
#[cfg(unix)]
mod scaffold_failures;
mod schemas;
// Their agents and their installer are scripts that ask for signals and a shell.
#[cfg(unix)]
mod self_update;
mod stage;
#[cfg(unix)]
mod start;
#[cfg(unix)]
mod start_failures;
#[cfg(unix)]
mod start_options;
mod status;
#[cfg(unix)]
mod stop;
mod trace;
mod tui;
mod usage;
mod watch;
#[cfg(windows)]
mod windows;
mod words;
