//! The repository speaks of itself alone: no machine's paths, no hosts of package registries, nobody
//! who wrote it.

use crate::tree;

/// Spelled in pieces, so that this file keeps its own rule.
const FORBIDDEN: &[&[&str]] = &[
    &["/wo", "rk/"],
    &["/ro", "ot/"],
    &["/tmp/", "helper"],
    &["C", "EO"],
    &["this ses", "sion"],
    &["Clau", "de Code"],
    &["Co-Authored", "-By"],
    &["files.pythonh", "osted.org"],
    &["registry.npm", "js.org"],
    &["index.cra", "tes.io"],
    &["deb.deb", "ian.org"],
];

#[test]
fn the_repository_speaks_of_itself_alone() {
    let words: Vec<String> = FORBIDDEN.iter().map(|pieces| pieces.concat()).collect();
    let mut broken = Vec::new();
    for path in tree::files() {
        if tree::has_extension(&path, &["lock"]) {
            continue;
        }
        for (number, line) in tree::text(&path).unwrap_or_default().lines().enumerate() {
            for word in words.iter().filter(|word| mentions(line, word)) {
                broken.push(format!(
                    "{path}:{}: leave `{word}` out; say what a reader elsewhere can use",
                    number + 1
                ));
            }
        }
    }
    tree::assert_none(&broken);
}

/// Whether `word` stands in `line` as a word of its own, or as the start of a path.
fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let ends_open = !word.ends_with(char::is_alphanumeric);
        !before.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '$' || c == '}')
            && (ends_open || !after.is_some_and(char::is_alphanumeric))
    })
}

#[test]
fn a_word_inside_another_is_no_mention() {
    let word = ["C", "EO"].concat();
    assert!(mentions(&format!("asked the {word}."), &word));
    assert!(!mentions(&format!("{word}N"), &word));
}
