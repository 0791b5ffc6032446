//! Agents in Java: `@MeshAgent(name, port)`, or an application with `@MeshRoute`.

use std::fs;
use std::path::Path;

use super::curly::{self, Token};
use super::{Declared, last_port, source};

/// How many sources of a project are read.
const SOURCES: usize = 200;

/// What the project in `folder` declares, if it is an agent's.
pub(super) fn read(folder: &Path) -> Option<Declared> {
    let mut waiting = vec![folder.join("src/main/java")];
    let mut read = 0;
    let mut declared: Option<Declared> = None;
    while let Some(path) = waiting.pop() {
        let mut entries: Vec<_> = fs::read_dir(path).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "java") && read < SOURCES {
                read += 1;
                let found = source(&path).and_then(|text| of_source(&text));
                match found {
                    Some(found) if found.name.is_some() => {
                        declared = Some(found);
                        waiting.clear();
                        break;
                    }
                    Some(found) => {
                        declared.get_or_insert(found);
                    }
                    None => {}
                }
            }
        }
    }
    let mut declared = declared?;
    if declared.port.is_none() {
        declared.port = settings_port(folder);
    }
    Some(declared)
}

fn of_source(text: &str) -> Option<Declared> {
    let tokens = curly::tokens(text);
    for at in 0..tokens.len() {
        let [Token::Symbol('@'), Token::Word(annotation), arguments @ ..] = &tokens[at..] else {
            continue;
        };
        match annotation.as_str() {
            "MeshAgent" if arguments.first() == Some(&Token::Symbol('(')) => {
                return Some(Declared {
                    name: curly::text(arguments, "name", '='),
                    port: curly::value(arguments, "port", '=')
                        .and_then(|value| last_port(curly::words(value))),
                });
            }
            "MeshRoute" => return Some(Declared::default()),
            _ => {}
        }
    }
    None
}

/// `server.port` of the application's settings: a number, or the default of `${VARIABLE:8080}`.
fn settings_port(folder: &Path) -> Option<u16> {
    let resources = folder.join("src/main/resources");
    for name in [
        "application.yml",
        "application.yaml",
        "application.properties",
    ] {
        let Some(text) = source(&resources.join(name)) else {
            continue;
        };
        let mut in_server = false;
        for line in text.lines() {
            let indented = line.starts_with(' ');
            let line = line.trim();
            let value = if let Some(value) = line.strip_prefix("server.port") {
                Some(value)
            } else if indented && in_server {
                line.strip_prefix("port")
            } else {
                in_server = line == "server:" || (indented && in_server);
                None
            };
            if let Some(value) = value {
                return last_port(value.split(|c: char| !c.is_ascii_digit()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_and_settings_are_read() {
        let declared = of_source(
            "/** @MeshAgent(name = \"no\") */\n@MeshAgent(\n  name = \"a\", // yes\n  port = 8086)\nclass A {}",
        );
        let expected = Declared {
            name: Some("a".to_owned()),
            port: Some(8086),
        };
        assert_eq!(declared, Some(expected));
        assert_eq!(of_source("class A {}"), None);

        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "src/main/java/a/A.java",
            "@GetMapping(\"/\") @MeshRoute class A {}",
        );
        write(
            "src/main/resources/application.yml",
            "spring:\n  port: 1\nserver:\n  port: ${MCP_MESH_HTTP_PORT:8087}\n",
        );
        assert_eq!(read(home.path()).unwrap().port, Some(8087));
    }
}
