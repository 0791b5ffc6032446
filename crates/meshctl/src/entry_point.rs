//! What `start` is given, a file or a folder, becomes the script of an agent.

use std::path::{Path, PathBuf};

use crate::error::{CliError, Kind};

/// Looked for in a folder, in this order.
const ENTRY_POINTS: [&str; 6] = [
    "main.py",
    "src/index.ts",
    "src/index.js",
    "index.ts",
    "index.js",
    "pom.xml",
];

/// The script that `argument` means, as an absolute path.
pub(crate) fn resolve(argument: &str, current_dir: &Path) -> Result<PathBuf, CliError> {
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
            .hint("name a Python script, or a folder that holds a `main.py`"));
    };
    check_language(&script, argument)?;
    // Symbolic links are kept: an environment beside the link is the one that is meant.
    std::path::absolute(&script)
        .map_err(|error| CliError::new(format!("cannot resolve `{argument}`")).because(error))
}

fn check_language(script: &Path, argument: &str) -> Result<(), CliError> {
    match script.extension().and_then(|extension| extension.to_str()) {
        Some("py") => Ok(()),
        Some("ts" | "js" | "jar" | "java" | "xml") => Err(CliError::new(format!(
            "`{argument}` is not a Python agent; this version starts Python agents only"
        ))
        .hint("start it with its own tools; it joins the mesh through `MCP_MESH_REGISTRY_URL`")),
        _ => Err(CliError::new(format!(
            "`{argument}` is not an agent: a file must be a `.py` script"
        ))
        .hint("name a Python script, or a folder that holds a `main.py`")),
    }
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
        assert_eq!(resolve("greeter.py", folder.path()).unwrap(), script);
        assert_eq!(resolve("agent", folder.path()).unwrap(), main);
        assert_eq!(resolve("agent/", folder.path()).unwrap(), main);
    }

    #[test]
    fn what_is_no_agent_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        std::fs::write(folder.path().join("index.ts"), "").unwrap();
        insta::assert_snapshot!(message("nowhere.py", folder.path()), @"path does not exist: nowhere.py");
        insta::assert_snapshot!(message("empty", folder.path()), @r#"no entry point found in folder "empty" (checked: main.py, src/index.ts, src/index.js, index.ts, index.js, pom.xml)"#);
        insta::assert_snapshot!(message("notes.txt", folder.path()), @"`notes.txt` is not an agent: a file must be a `.py` script");
        insta::assert_snapshot!(message(".", folder.path()), @"`.` is not a Python agent; this version starts Python agents only");
    }
}
