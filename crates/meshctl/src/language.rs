//! In which language an agent is written.

use std::fmt;
use std::path::{Path, PathBuf};

/// The languages that `start` starts agents of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// A script, run by the interpreter of its environment.
    Python,
    /// A module, run through `tsx`.
    TypeScript,
    /// A module, run by `node`.
    JavaScript,
    /// A jar, or a Maven project.
    Java,
}

impl Language {
    /// By the name of the file that is the entry point.
    pub(crate) fn of(script: &Path) -> Option<Self> {
        match script.extension()?.to_str()? {
            "py" => Some(Self::Python),
            "ts" => Some(Self::TypeScript),
            "js" => Some(Self::JavaScript),
            "jar" => Some(Self::Java),
            "xml" if script.ends_with("pom.xml") => Some(Self::Java),
            _ => None,
        }
    }

    /// How an agent's name is declared.
    pub(crate) fn declaration(self) -> &'static str {
        match self {
            Self::Python => "@mesh.agent(name=\"…\")",
            Self::TypeScript | Self::JavaScript => "mesh(server, { name: \"…\" })",
            Self::Java => "@MeshAgent(name = \"…\")",
        }
    }
}

/// A program and what it is told, so that an agent runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "Python",
            Self::TypeScript => "TypeScript",
            Self::JavaScript => "JavaScript",
            Self::Java => "Java",
        })
    }
}
