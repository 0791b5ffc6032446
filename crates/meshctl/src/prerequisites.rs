//! What must be installed before an agent can run: everything that is missing, each with its cure.

use std::path::{Path, PathBuf};

use mesh_core::env::Environment;

use crate::error::{CliError, Kind};
use crate::language::Language;

/// What an agent lacks, as far as files tell; nothing is run to find out.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    /// What is wrong, and what helps.
    problems: Vec<(String, String)>,
}

impl Missing {
    pub(crate) fn add(&mut self, problem: impl Into<String>, cure: impl Into<String>) {
        self.problems.push((problem.into(), cure.into()));
    }

    /// What is wrong, and what helps.
    pub(crate) fn problems(&self) -> &[(String, String)] {
        &self.problems
    }

    /// An error that shows all of it, if there is anything.
    pub(crate) fn refuse(self, script: &Path, language: Language) -> Result<(), CliError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let mut lines = vec![format!(
            "╭ `{}` cannot run: a {language} agent needs more",
            script.display()
        )];
        for (problem, cure) in &self.problems {
            lines.push(format!("│ ✗ {problem}"));
            lines.push(format!("│     {cure}"));
        }
        lines.push("╰".to_owned());
        Err(CliError::new("prerequisite check failed")
            .of_kind(Kind::Prerequisite)
            .details(lines)
            .hint("do what stands beside each line, then start the agent again"))
    }
}

/// The program `name` on the `PATH`. Relative folders there mean nothing.
pub(crate) fn on_path(name: &str, environment: &Environment) -> Option<PathBuf> {
    let endings: &[&str] = if cfg!(windows) {
        &["exe", "cmd", "bat"]
    } else {
        &[""]
    };
    let folders: Vec<PathBuf> = environment
        .get("PATH")
        .map(|path| std::env::split_paths(path).collect())
        .unwrap_or_default();
    folders
        .iter()
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| {
            endings
                .iter()
                .map(|ending| folder.join(name).with_extension(ending))
        })
        .find(|path| path.is_file())
}
