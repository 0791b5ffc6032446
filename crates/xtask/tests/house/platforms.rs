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
    &["cfg(not(target_", "os ="],
    &["cfg(all(", "unix"],
    &["cfg(all(", "windows"],
    &["cfg(all(", "target_os ="],
    &["cfg(any(", "unix"],
    &["cfg(any(", "windows"],
    &["cfg(any(", "target_os ="],
    &["cfg(target_", "family"],
    &["rus", "tix::"],
    &["windows_", "sys::"],
    &["signal::", "unix"],
    &["signal::", "windows"],
];

/// How a module begins that only tests have.
const MARKS: [&str; 2] = ["#[cfg(test)]", "#[cfg(all(test"];

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

/// Tests may know where they run: those in folders of that name, and modules that only tests have.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests")
        || path.rsplit_once('/').is_some_and(|(folder, file)| {
            let module = file.strip_suffix(".rs").unwrap_or(file);
            tree::text_if_there(&format!("{folder}/mod.rs"))
                .is_some_and(|text| declares_for_tests(&text, module))
        })
}

/// Whether `mod module;` stands behind a condition that only tests meet.
fn declares_for_tests(text: &str, module: &str) -> bool {
    let lines: Vec<_> = text.lines().collect();
    lines.windows(2).any(|pair| {
        MARKS.iter().any(|mark| pair[0].starts_with(mark)) && pair[1] == format!("mod {module};")
    })
}

fn is_platform(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "platform" | "platform.rs"))
}

/// The file without its tests, which stand at its end.
fn shipped(text: &str) -> &str {
    let tests = MARKS
        .iter()
        .flat_map(|mark| text.match_indices(mark))
        .map(|(start, _)| start)
        .filter(|&start| {
            let line = text[start..].lines().find(|line| !line.starts_with('#'));
            line.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
        })
        .min();
    &text[..tests.unwrap_or(text.len())]
}

#[test]
fn the_rule_knows_what_it_looks_for() {
    assert!(is_platform("crates/a/src/platform/unix.rs"));
    assert!(!is_platform("crates/a/src/unix.rs"));
    assert!(is_test("crates/a/tests/it/main.rs"));
    let text = "mod a;\n\n#[cfg(test)]\nmod tests {\n}\n";
    assert_eq!(shipped(text), "mod a;\n\n");
    let text = "#[cfg(all(test, unix))]\nmod script;\nmod other;\n";
    assert_eq!(shipped(text), text);
    assert!(declares_for_tests(text, "script"));
    assert!(!declares_for_tests(text, "other"));
    assert_eq!(shipped("mod a;\n"), "mod a;\n");
}
