//! What runs agents in Java: a JVM for a jar, Maven for a project.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::env::Environment;

use crate::error::CliError;
use crate::language::{Language, Runner};
use crate::prerequisites::{Missing, on_path};

/// The oldest Java that the SDK supports.
const OLDEST: u32 = 17;
const INSTALL_JAVA: &str =
    "install a JDK 17 or newer, such as Eclipse Temurin or the system's `openjdk-17-jdk`";

/// Finds what runs `script`, a jar or a `pom.xml`.
pub(crate) fn find(script: &Path, environment: &Environment) -> Result<Runner, CliError> {
    let (runner, missing) = look(script, environment);
    missing.refuse(script, Language::Java)?;
    Ok(runner)
}

/// What would run `script`, and everything that it lacks.
pub(crate) fn look(script: &Path, environment: &Environment) -> (Runner, Missing) {
    let mut missing = Missing::default();
    let java = environment
        .get("JAVA_HOME")
        .map(|home| Path::new(home).join("bin").join(EXECUTABLE))
        .filter(|java| java.is_file())
        .or_else(|| on_path("java", environment));
    match &java {
        None => missing.add(
            "`java` is neither in JAVA_HOME nor on the PATH",
            INSTALL_JAVA,
        ),
        Some(java) => {
            if let Some(version) = version_of(java).filter(|version| *version < OLDEST) {
                let problem = format!("`{}` is Java {version}", java.display());
                missing.add(problem, INSTALL_JAVA);
            }
        }
    }
    let is_jar = script.extension().is_some_and(|ending| ending == "jar");
    let maven = if is_jar {
        None
    } else {
        maven(script, environment)
    };
    if !is_jar && maven.is_none() {
        missing.add(
            "`mvn` is not on the PATH, and no `mvnw` is beside the project",
            "install Maven, from https://maven.apache.org or the system's packages",
        );
    }
    let runner = match maven {
        Some(maven) => Runner {
            program: maven,
            arguments: vec!["spring-boot:run".to_owned(), "-q".to_owned()],
        },
        None => Runner {
            program: java.unwrap_or_default(),
            arguments: vec!["-jar".to_owned(), script.display().to_string()],
        },
    };
    (runner, missing)
}

const EXECUTABLE: &str = if cfg!(windows) { "java.exe" } else { "java" };

/// Maven, or else the wrapper that the project brings along.
fn maven(pom: &Path, environment: &Environment) -> Option<PathBuf> {
    let wrapper = if cfg!(windows) { "mvnw.cmd" } else { "mvnw" };
    on_path("mvn", environment).or_else(|| {
        let wrapper = pom.with_file_name(wrapper);
        wrapper.is_file().then_some(wrapper)
    })
}

/// The major version that the installation writes down; asking the JVM itself takes long.
fn version_of(java: &Path) -> Option<u32> {
    let real = fs::canonicalize(java).ok()?;
    let release = real.parent()?.parent()?.join("release");
    let text = fs::read_to_string(release).ok()?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("JAVA_VERSION="))?
        .trim_matches('"');
    let mut parts = version.split(['.', '_', '-', '+']);
    match parts.next()?.parse().ok()? {
        // Java 8 calls itself 1.8.
        1 => parts.next()?.parse().ok(),
        major => Some(major),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            tree.file("project/pom.xml", "<project/>");
            tree.file("agent.jar", "");
            tree
        }

        fn with_java(self, version: &str) -> Self {
            self.file("jdk/bin/java", "");
            self.file(
                "jdk/release",
                &format!("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"{version}\"\n"),
            );
            self
        }

        fn file(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }

        fn find(&self, script: &str) -> Result<Runner, CliError> {
            let folder = |name: &str| self.0.path().join(name).display().to_string();
            let (home, path) = (folder("jdk"), folder("bin"));
            let pairs = [("JAVA_HOME", home.as_str()), ("PATH", path.as_str())];
            find(&self.0.path().join(script), &pairs.into_iter().collect())
        }

        fn problems(&self, script: &str) -> String {
            self.find(script).unwrap_err().detail_lines().join("\n")
        }
    }

    #[test]
    fn a_jar_needs_java_and_a_project_maven() {
        let tree = Tree::new().with_java("21.0.2");
        let runner = tree.find("agent.jar").unwrap();
        assert!(runner.program.ends_with("jdk/bin/java"));
        assert_eq!(runner.arguments[0], "-jar");
        assert!(
            tree.problems("project/pom.xml")
                .contains("`mvn` is not on the PATH")
        );
        tree.file("project/mvnw", "");
        assert!(
            tree.find("project/pom.xml")
                .unwrap()
                .program
                .ends_with("project/mvnw")
        );
        tree.file("bin/mvn", "");
        let runner = tree.find("project/pom.xml").unwrap();
        assert!(runner.program.ends_with("bin/mvn"));
        assert_eq!(runner.arguments, ["spring-boot:run", "-q"]);
    }

    #[test]
    fn no_java_and_an_old_one_are_named() {
        let tree = Tree::new();
        assert!(
            tree.problems("agent.jar")
                .contains("neither in JAVA_HOME nor on the PATH")
        );
        let tree = tree.with_java("1.8.0_392");
        assert!(tree.problems("agent.jar").contains("is Java 8"));
        let tree = tree.with_java("17.0.15");
        assert!(tree.find("agent.jar").is_ok());
    }
}
