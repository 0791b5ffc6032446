//! Names of Java agents: in a project's sources, in its `pom.xml`, in the name of a jar.

use std::fs;
use std::path::{Path, PathBuf};

use super::braces::in_java;

/// What the Maven project in `root` declares, or else what it calls itself.
pub(crate) fn of_project(root: &Path) -> (Option<String>, Option<String>) {
    let mut sources = Vec::new();
    collect(&root.join("src/main"), &mut sources);
    sources.sort();
    let declared = sources.iter().find_map(|path| {
        let source = fs::read(path).ok()?;
        in_java(&String::from_utf8_lossy(&source))
    });
    let artifact = fs::read(root.join("pom.xml")).ok();
    let artifact = artifact.and_then(|pom| artifact_id(&String::from_utf8_lossy(&pom)));
    (declared, artifact)
}

/// `greeter` of `greeter-1.2.0-SNAPSHOT.jar`.
pub(crate) fn of_jar(jar: &Path) -> Option<String> {
    let stem = jar.file_stem()?.to_str()?;
    let version = stem
        .match_indices('-')
        .find(|(at, _)| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    Some(version.map_or(stem, |(at, _)| &stem[..at]).to_owned())
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "java") {
            sources.push(path);
        }
    }
}

/// The project's own `<artifactId>`: neither its parent's nor a dependency's.
fn artifact_id(pom: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = pom;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = &comment[comment.find("-->")? + 3..];
            continue;
        }
        let end = rest.find('>')?;
        let (tag, after) = (&rest[1..end], &rest[end + 1..]);
        rest = after;
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            open.pop();
            continue;
        }
        let name = tag.split_ascii_whitespace().next().unwrap_or_default();
        if open == ["project"] && name == "artifactId" {
            let text = after[..after.find('<')?].trim();
            return (!text.is_empty()).then(|| text.to_owned());
        }
        open.push(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_names_its_agent_or_itself() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let pom = "<?xml version=\"1.0\"?>\n<project xmlns=\"x\">\n<!-- <artifactId>no</artifactId> -->\n\
            <parent><artifactId>spring</artifactId></parent><packaging/>\n\
            <dependencies><dependency><artifactId>d</artifactId></dependency></dependencies>\n\
            <artifactId> my-agent </artifactId></project>";
        fs::write(root.join("pom.xml"), pom).unwrap();
        assert_eq!(of_project(root), (None, Some("my-agent".to_owned())));
        let source = root.join("src/main/java/org/example/Agent.java");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(&source, "@MeshAgent(name = \"greeter\")\nclass Agent {}").unwrap();
        assert_eq!(of_project(root).0.as_deref(), Some("greeter"));
    }

    #[test]
    fn a_jar_is_called_as_without_its_version() {
        let name = |jar: &str| of_jar(Path::new(jar));
        assert_eq!(
            name("/x/my-agent-1.2.0-SNAPSHOT.jar").as_deref(),
            Some("my-agent")
        );
        assert_eq!(name("agent.jar").as_deref(), Some("agent"));
    }
}
