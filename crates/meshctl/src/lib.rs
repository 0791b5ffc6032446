//! The command line of MCP Mesh, as a library: `meshctl` is [`main`] behind a `fn main`.
//!
//! * `commands` holds one file for each verb: its arguments, whose docs are the help, and `run`.
//! * `supervisor` starts, recognises and stops processes; `home` is where their files are.
//! * [`self_update`] replaces this installation by a verified release.
//! * `manual` holds the pages that `man` shows.
//! * `settings` turns flags and environment into values; `printer` and `error` are the ways out, `help` is
//!   the help of the whole.
//! * `scaffold` writes new agents from templates.
//! * `trust_folder` keeps the authorities of others, which `certificate` reads.
//! * `doctor` looks for what stands in the way.
//! * `reload` starts agents anew when their files change.
//! * `entry_point`, `language`, `agent_name`, `prerequisites`, `python_env`, `node_env` and `java_env`
//!   read an agent's files before it is started.

pub mod self_update;

mod agent_name;
mod canvas;
mod census;
mod certificate;
mod cli;
mod commands;
mod completion;
mod doctor;
mod entry_point;
mod env_file;
mod error;
mod full_screen;
mod help;
mod home;
mod java_env;
mod json_text;
mod known;
mod language;
mod log_file;
mod manual;
mod mesh_view;
mod moment;
mod node_env;
mod platform;
mod prerequisites;
mod presence;
mod printer;
mod python_env;
mod reload;
mod scaffold;
mod settings;
mod suggestion;
mod supervisor;
mod table;
mod time_span;
mod tool_call;
mod tool_target;
mod trace_id;
mod trust_folder;

pub use cli::{command, json_schemas, main};
pub use completion::completion_script;
