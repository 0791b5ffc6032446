//! The agents that a folder has: their names, languages and ports, read and never run.

mod curly;
mod java;
mod python;
mod typescript;

use std::fs;
use std::path::{Path, PathBuf};

use super::language::Language;

/// How far below the folder agents are looked for.
const DEPTH: usize = 4;
/// How many folders are looked into at most, so that nobody waits for a whole disk.
const FOLDERS: usize = 5_000;
/// The largest source that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// Folders of packages and of what is built.
#[rustfmt::skip]
const SKIPPED: &[&str] = &[
    "__pycache__", "build", "dist", "env", "node_modules", "out", "site-packages", "target", "venv",
];

/// An agent that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it lies, relative to the folder that was asked for; empty for that folder itself.
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) language: Language,
    /// What it listens on, where its source says so.
    pub(crate) port: Option<u16>,
}

/// What a source says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Declared {
    name: Option<String>,
    port: Option<u16>,
}

/// The agents in `folder` and below, by path. What cannot be read holds none.
pub(crate) fn survey(folder: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    let mut waiting = vec![(PathBuf::new(), 0)];
    let mut visited = 0;
    while let Some((relative, depth)) = waiting.pop() {
        visited += 1;
        if visited > FOLDERS {
            break;
        }
        let path = folder.join(&relative);
        if let Some((language, declared)) = read(&path) {
            let name = declared.name.or_else(|| {
                let path = fs::canonicalize(&path).ok()?;
                Some(path.file_name()?.to_str()?.to_owned())
            });
            if let Some(name) = name {
                found.push(Found {
                    folder: relative.clone(),
                    name,
                    language,
                    port: declared.port,
                });
                // An agent in an agent is a part of it; but a folder of agents may be one itself.
                if depth > 0 {
                    continue;
                }
            }
        }
        if depth < DEPTH {
            waiting.extend(below(&path, &relative).map(|folder| (folder, depth + 1)));
        }
    }
    found.sort_by(|one, other| one.folder.cmp(&other.folder));
    found
}

/// The folders in `path` that may hold agents.
fn below(path: &Path, relative: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let name = entry.file_name().into_string().ok()?;
        let skipped = name.starts_with('.') || SKIPPED.contains(&name.as_str());
        // A link may lead in circles; what it leads to is found where it is.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        (is_folder && !skipped).then(|| relative.join(name))
    })
}

/// The agent whose files lie in `folder`.
fn read(folder: &Path) -> Option<(Language, Declared)> {
    if let Some(declared) = source(&folder.join("main.py")).and_then(|text| python::read(&text)) {
        return Some((Language::Python, declared));
    }
    for entry in ["src/index.ts", "src/index.js", "index.ts", "index.js"] {
        let declared = source(&folder.join(entry)).and_then(|text| typescript::read(&text));
        if let Some(declared) = declared {
            return Some((Language::TypeScript, declared));
        }
    }
    if folder.join("pom.xml").is_file() {
        return java::read(folder).map(|declared| (Language::Java, declared));
    }
    None
}

fn source(path: &Path) -> Option<String> {
    let size = fs::metadata(path).ok()?.len();
    (size <= LARGEST)
        .then(|| fs::read_to_string(path).ok())
        .flatten()
}

/// The number that an expression such as `8080` or `Number(env.PORT ?? "8080")` comes to where
/// nobody sets anything.
fn last_port<'a>(words: impl Iterator<Item = &'a str>) -> Option<u16> {
    words
        .filter_map(|word| word.replace('_', "").parse().ok())
        .filter(|port| *port > 0)
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_of_all_languages_are_found_once() {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "b/main.py",
            "import mesh\n@mesh.agent(name='bee', http_port=8081)\nclass B: ...",
        );
        write(
            "b/tests/main.py",
            "import mesh\n@mesh.agent(name='inner')\nclass B: ...",
        );
        write(
            "a/src/index.ts",
            "mesh(server, { name: \"ay\", httpPort: 8082 });",
        );
        write("c/pom.xml", "<project/>");
        write(
            "c/src/main/java/C.java",
            "@MeshAgent(name = \"see\", port = 8083)\nclass C {}",
        );
        write(
            "deep/er/main.py",
            "import mesh\n@mesh.route(dependencies=[])\ndef f(): ...",
        );
        write(
            ".venv/x/main.py",
            "import mesh\n@mesh.agent(name='no')\nclass B: ...",
        );
        write("node_modules/x/index.js", "mesh(server, { name: \"no\" });");
        write("script/main.py", "print('no agent')");
        let found: Vec<_> = survey(home.path())
            .into_iter()
            .map(|found| (found.name, found.port, found.language))
            .collect();
        assert_eq!(
            found,
            [
                ("ay".to_owned(), Some(8082), Language::TypeScript),
                ("bee".to_owned(), Some(8081), Language::Python),
                ("see".to_owned(), Some(8083), Language::Java),
                ("er".to_owned(), None, Language::Python),
            ]
        );
    }
}
