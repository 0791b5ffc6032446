//! What a page names exists: environment variables and the verbs of a release.

use std::collections::BTreeSet;
use std::process::Command;

use mesh_core::env::EnvVars;

use crate::tree;

#[test]
fn a_page_names_no_variable_that_is_not_declared() {
    let known: BTreeSet<_> = EnvVars::ALL.iter().map(|variable| variable.name).collect();
    let mut broken = Vec::new();
    for (place, line) in lines_of_pages() {
        for word in line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if word.starts_with("MCP_MESH_") && !known.contains(word) {
                broken.push(format!(
                    "{place}: `{word}` is not in crates/mesh-core/src/env.rs; correct one of them"
                ));
            }
        }
    }
    tree::assert_none(&broken);
}

#[test]
fn a_page_names_no_verb_of_a_release_that_is_not_there() {
    let mut named = Vec::new();
    for (place, line) in lines_of_pages() {
        for rest in line.split("cargo xtask release ").skip(1) {
            let is_verb = |c: &char| c.is_ascii_lowercase() || *c == '-';
            let verb: String = rest.chars().take_while(is_verb).collect();
            if !verb.is_empty() {
                named.push((place.clone(), verb));
            }
        }
    }
    assert!(
        !named.is_empty(),
        "no page names a verb; where did they go?"
    );
    let help = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["release", "--help"])
        .output()
        .expect("xtask runs");
    let help = String::from_utf8(help.stdout).expect("help is UTF-8");
    let known: BTreeSet<_> = help
        .lines()
        .filter(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let broken: Vec<_> = named
        .iter()
        .filter(|(_, verb)| !known.contains(verb.as_str()))
        .map(|(place, verb)| format!("{place}: there is no `cargo xtask release {verb}`"))
        .collect();
    tree::assert_none(&broken);
}

/// Every line of every page, with the place where it stands.
fn lines_of_pages() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for path in tree::files() {
        if !tree::has_extension(&path, &["md"]) {
            continue;
        }
        for (number, line) in tree::text(&path).unwrap_or_default().lines().enumerate() {
            lines.push((format!("{path}:{}", number + 1), line.to_owned()));
        }
    }
    lines
}
