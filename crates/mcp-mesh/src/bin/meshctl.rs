//! `meshctl`: starts agents, shows how they are wired, calls their tools.

use std::process::ExitCode;

fn main() -> ExitCode {
    meshctl::main(std::env::args_os())
}
