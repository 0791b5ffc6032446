//! What differs between operating systems stands where one looks for it.

use crate::tree;

/// Spelled in pieces, so that this file keeps its own rule.
const SIGNS: &[&[&str]] = &[
    &["std::os::", "unix"],
    &["std::os::", "windows"],
    &["std::os::", "fd"],
    &["cfg(", "unix)"],
    &["cfg(", "windows)"],
    &["cfg(not(", "unix))"],
    &["cfg(not(", "windows))"],
    &["cfg(target_", "os ="],
    &["rus", "tix::"],
    &["windows_", "sys::"],
    &["signal::", "unix"],
    &["signal::", "windows"],
];

#[test]
fn one_systems_code_stays_in_platform_modules() {
    let signs: Vec<String> = SIGNS.iter().map(|pieces| pieces.concat()).collect();
    let mut broken = Vec::new();
    for path in tree::files() {
        if !tree::has_extension(&path, &["rs"]) || is_test(&path) || is_platform(&path) {
            continue;
        }
        let text = tree::text(&path).unwrap_or_default();
        for (number, line) in shipped(&text).lines().enumerate() {
            for sign in signs.iter().filter(|sign| line.contains(sign.as_str())) {
                broken.push(format!(
                    "{path}:{}: `{sign}` belongs into a module called `platform`, behind a function that every system has",
                    number + 1
                ));
            }
        }
    }
    tree::assert_none(&broken);
}

/// Tests, and the crate that only they use, may know where they run.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests")
}

fn is_platform(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "platform" | "platform.rs"))
}

/// The file without its tests, which stand at its end.
fn shipped(text: &str) -> &str {
    let tests = ["#[cfg(test)]", "#[cfg(all(test"]
        .iter()
        .filter_map(|mark| text.find(&format!("\n{mark}")))
        .min();
    &text[..tests.unwrap_or(text.len())]
}

#[test]
fn the_rule_knows_what_it_looks_for() {
    assert!(is_platform("crates/a/src/platform/unix.rs"));
    assert!(!is_platform("crates/a/src/unix.rs"));
    assert!(is_test("crates/a/tests/it/main.rs"));
    let text = "mod a;\n\n#[cfg(test)]\nmod tests {}\n";
    assert_eq!(shipped(text), "mod a;\n");
    assert_eq!(shipped("mod a;\n"), "mod a;\n");
}
