//! What `start` is given, a file or a folder, becomes the entry point of an agent.

use std::path::{Path, PathBuf};

use crate::error::{CliError, Kind};
use crate::language::Language;

/// Looked for in a folder, in this order.
const ENTRY_POINTS: [&str; 6] = [
    "main.py",
    "src/index.ts",
    "src/index.js",
    "index.ts",
    "index.js",
    "pom.xml",
];

/// The script, jar or `pom.xml` that `argument` means, as an absolute path, and its language.
pub(crate) fn resolve(argument: &str, current_dir: &Path) -> Result<(PathBuf, Language), CliError> {
    let path = current_dir.join(argument);
    let script = if path.is_dir() {
        ENTRY_POINTS
            .into_iter()
            .map(|name| path.join(name))
            .find(|script| script.is_file())
            .ok_or_else(|| {
                CliError::new(format!(
                    "no entry point found in folder \"{argument}\" (checked: {})",
                    ENTRY_POINTS.join(", ")
                ))
                .of_kind(Kind::NotFound)
                .hint("name the agent's script, or call it `main.py`")
            })?
    } else if path.is_file() {
        path
    } else {
        return Err(CliError::new(format!("path does not exist: {argument}"))
            .of_kind(Kind::NotFound)
            .hint("name an agent's script, or a folder that holds a `main.py` or `src/index.ts`"));
    };
    let script = match script.extension() {
        Some(ending) if ending == "java" => project_of(&script, argument)?,
        _ => script,
    };
    let language = Language::of(&script).ok_or_else(|| {
        CliError::new(format!(
            "`{argument}` is not an agent: a file must be a `.py`, `.ts`, `.js`, `.jar` or `.java`, or a `pom.xml`"
        ))
        .of_kind(Kind::Usage)
        .hint("name an agent's script, or a folder that holds a `main.py` or `src/index.ts`")
    })?;
    // Symbolic links are kept: an environment beside the link is the one that is meant.
    std::path::absolute(&script)
        .map(|script| (script, language))
        .map_err(|error| CliError::new(format!("cannot resolve `{argument}`")).because(error))
}

/// The `pom.xml` above a Java source.
fn project_of(source: &Path, argument: &str) -> Result<PathBuf, CliError> {
    source
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("pom.xml"))
        .find(|pom| pom.is_file())
        .ok_or_else(|| {
            CliError::new(format!("no `pom.xml` is above `{argument}`"))
                .of_kind(Kind::NotFound)
                .hint("start a jar, or the folder of a Maven project")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(argument: &str, folder: &Path) -> String {
        resolve(argument, folder).unwrap_err().to_string()
    }

    #[test]
    fn files_and_folders_lead_to_scripts() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("greeter.py");
        std::fs::write(&script, "").unwrap();
        std::fs::create_dir(folder.path().join("agent")).unwrap();
        let main = folder.path().join("agent/main.py");
        std::fs::write(&main, "").unwrap();
        let found = |argument: &str| resolve(argument, folder.path()).unwrap();
        assert_eq!(found("greeter.py"), (script, Language::Python));
        assert_eq!(found("agent"), (main.clone(), Language::Python));
        assert_eq!(found("agent/"), (main, Language::Python));
        let pom = folder.path().join("java/pom.xml");
        let source = folder.path().join("java/src/main/java/Agent.java");
        std::fs::create_dir_all(source.parent().unwrap()).unwrap();
        std::fs::write(&source, "").unwrap();
        insta::assert_snapshot!(message("java/src/main/java/Agent.java", folder.path()), @"no `pom.xml` is above `java/src/main/java/Agent.java`");
        std::fs::write(&pom, "").unwrap();
        assert_eq!(found("java"), (pom.clone(), Language::Java));
        assert_eq!(
            found("java/src/main/java/Agent.java"),
            (pom, Language::Java)
        );
        let index = folder.path().join("ts/src/index.ts");
        std::fs::create_dir_all(index.parent().unwrap()).unwrap();
        std::fs::write(&index, "").unwrap();
        assert_eq!(found("ts"), (index, Language::TypeScript));
    }

    #[test]
    fn what_is_no_agent_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        insta::assert_snapshot!(message("nowhere.py", folder.path()), @"path does not exist: nowhere.py");
        insta::assert_snapshot!(message("empty", folder.path()), @r#"no entry point found in folder "empty" (checked: main.py, src/index.ts, src/index.js, index.ts, index.js, pom.xml)"#);
        insta::assert_snapshot!(message("notes.txt", folder.path()), @"`notes.txt` is not an agent: a file must be a `.py`, `.ts`, `.js`, `.jar` or `.java`, or a `pom.xml`");
    }
}
