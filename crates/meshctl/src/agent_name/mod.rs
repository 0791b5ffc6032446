//! The name that an agent declares, read from its source without running it.
//!
//! It names the pid file, the log and every message. A name that is no literal is not declared as
//! far as these modules can tell; then the file names the agent, or its folder.
//!
//! * `python` reads `@mesh.agent(name="greeter")`.
//! * `braces` reads what TypeScript, JavaScript and Java have in common, and from it `mesh(server,
//!   { name: "greeter" })` and `@MeshAgent(name = "greeter")`.
//! * `maven` reads what a project calls itself.

pub(crate) mod braces;
mod maven;
mod python;

use std::path::Path;

pub(crate) use braces::in_typescript;
pub(crate) use maven::{of_jar, of_project};
pub(crate) use python::{Token, declares_port, in_python, tokens};

/// What an agent without a declared name is called: its file, or for `main.py` its folder.
pub(crate) fn from_path(script: &Path) -> Option<String> {
    let stem = script.file_stem()?.to_str()?;
    if matches!(stem, "main" | "index" | "__main__" | "pom") {
        let folder = script
            .ancestors()
            .skip(1)
            .filter_map(|folder| folder.file_name()?.to_str())
            .find(|folder| *folder != "src");
        return folder.or(Some(stem)).map(str::to_owned);
    }
    Some(stem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_or_its_folder_names_an_undeclared_agent() {
        let name = |path: &str| from_path(Path::new(path));
        assert_eq!(name("/x/greeter.py").as_deref(), Some("greeter"));
        assert_eq!(name("/x/greeter/main.py").as_deref(), Some("greeter"));
        assert_eq!(name("/x/greeter/src/index.ts").as_deref(), Some("greeter"));
        assert_eq!(name("main.py").as_deref(), Some("main"));
    }
}
