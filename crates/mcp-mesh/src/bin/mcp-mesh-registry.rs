//! The registry of an MCP mesh; everything it does is in `mesh_registry`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mesh_registry::cli::run(std::env::args_os())
}
