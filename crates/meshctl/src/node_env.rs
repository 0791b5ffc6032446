//! What runs agents in TypeScript and JavaScript: `tsx` or `node`, and the SDK beside the agent.

use std::path::{Path, PathBuf};

use mesh_core::env::Environment;

use crate::error::CliError;
use crate::language::{Language, Runner};
use crate::prerequisites::{Missing, on_path};

const SDK: &str = "@mcpmesh/sdk";
const INSTALL_NODE: &str =
    "install Node.js 20 or newer, from https://nodejs.org or the system's packages";

/// Finds what runs `script`, which is not among the arguments; with `watch` it starts the agent anew by itself.
pub(crate) fn find(
    script: &Path,
    language: Language,
    environment: &Environment,
    watch: bool,
) -> Result<Runner, CliError> {
    let (program, missing) = look(script, language, environment);
    missing.refuse(script, language)?;
    let program = program.unwrap_or_default();
    let mut arguments = Vec::new();
    if program.file_stem().is_some_and(|stem| stem == "npx") {
        arguments.push("tsx".to_owned());
    }
    if watch && language == Language::JavaScript {
        arguments.push("--watch".to_owned());
    } else if watch {
        arguments.push("watch".to_owned());
    }
    Ok(Runner { program, arguments })
}

/// What would run `script`, and everything that it lacks.
pub(crate) fn look(
    script: &Path,
    language: Language,
    environment: &Environment,
) -> (Option<PathBuf>, Missing) {
    let mut missing = Missing::default();
    let program = match language {
        Language::JavaScript => on_path("node", environment),
        _ => local_program("tsx", script).or_else(|| on_path("npx", environment)),
    };
    if program.is_none() {
        let name = if language == Language::JavaScript {
            "node"
        } else {
            "npx"
        };
        missing.add(format!("`{name}` is not on the PATH"), INSTALL_NODE);
    }
    let folder = script.parent().unwrap_or(script);
    let has = |name: &str| folder.ancestors().any(|folder| folder.join(name).exists());
    if !has("package.json") && !has("node_modules") {
        missing.add(
            "neither `package.json` nor `node_modules` is beside it or above",
            format!(
                "cd {} && npm init -y && npm install {SDK}",
                folder.display()
            ),
        );
    } else if !has(&format!("node_modules/{SDK}")) {
        missing.add(
            format!("the package `{SDK}` is not installed"),
            format!("cd {} && npm install {SDK}", folder.display()),
        );
    }
    (program, missing)
}

/// A program of the project itself, which needs no `npx` to find it.
fn local_program(name: &str, script: &Path) -> Option<PathBuf> {
    let name = if cfg!(windows) {
        format!("{name}.cmd")
    } else {
        name.to_owned()
    };
    script
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("node_modules/.bin").join(&name))
        .find(|path| path.is_file())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            tree.file("bin/node");
            tree.file("bin/npx");
            tree
        }

        fn file(&self, name: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        }

        fn find(&self, script: &str, watch: bool) -> Result<Runner, CliError> {
            let path = self.0.path().join("bin").display().to_string();
            let environment = [("PATH", path.as_str())].into_iter().collect();
            let script = self.0.path().join(script);
            let language = Language::of(&script).unwrap();
            find(&script, language, &environment, watch)
        }
    }

    #[test]
    fn node_and_tsx_are_found_and_watch_by_themselves() {
        let tree = Tree::new();
        tree.file("project/node_modules/@mcpmesh/sdk/package.json");
        let node = tree.find("project/agents/a.js", true).unwrap();
        assert!(node.program.ends_with("bin/node"));
        assert_eq!(node.arguments, ["--watch"]);
        let tsx = tree.find("project/src/index.ts", false).unwrap();
        assert!(tsx.program.ends_with("bin/npx"));
        assert_eq!(tsx.arguments, ["tsx"]);
        tree.file("project/node_modules/.bin/tsx");
        let tsx = tree.find("project/src/index.ts", true).unwrap();
        assert!(tsx.program.ends_with("node_modules/.bin/tsx"));
        assert_eq!(tsx.arguments, ["watch"]);
    }

    #[test]
    fn everything_that_is_missing_is_shown_with_its_cure() {
        let tree = Tree(tempfile::tempdir().unwrap());
        let error = tree.find("a.ts", false).unwrap_err();
        assert_eq!(error.to_string(), "prerequisite check failed");
        let shown = error.detail_lines().join("\n");
        let shown = shown.replace(&tree.0.path().display().to_string(), "[TREE]");
        insta::assert_snapshot!(shown, @r"
        ╭ `[TREE]/a.ts` cannot run: a TypeScript agent needs more
        │ ✗ `npx` is not on the PATH
        │     install Node.js 20 or newer, from https://nodejs.org or the system's packages
        │ ✗ neither `package.json` nor `node_modules` is beside it or above
        │     cd [TREE] && npm init -y && npm install @mcpmesh/sdk
        ╰
        ");
        tree.file("package.json");
        let error = tree.find("a.js", false).unwrap_err();
        let shown = error.detail_lines().join("\n");
        assert!(
            shown.contains("the package `@mcpmesh/sdk` is not installed"),
            "{shown}"
        );
    }
}
