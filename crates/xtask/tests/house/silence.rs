//! Nobody silences a lint without saying why, in a form that complains when it is no longer needed.

use crate::tree;

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    let broken: Vec<_> = tree::files()
        .into_iter()
        .filter(|path| tree::has_extension(path, &["rs"]))
        .flat_map(|path| {
            tree::text(&path)
                .unwrap_or_default()
                .lines()
                .enumerate()
                .filter(|(_, line)| is_allow(line))
                .map(|(number, _)| {
                    format!(
                        "{path}:{}: write `#[expect(lint, reason = \"…\")]`",
                        number + 1
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect();
    tree::assert_none(&broken);
}

fn is_allow(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("#[allow(") || line.starts_with("#![allow(")
}

#[test]
fn python_checks_are_ignored_by_rule_never_wholesale() {
    let broken: Vec<_> = tree::files()
        .into_iter()
        .filter(|path| tree::has_extension(path, &["py", "pyi"]))
        .flat_map(|path| {
            tree::text(&path)
                .unwrap_or_default()
                .lines()
                .enumerate()
                .filter(|(_, line)| {
                    is_bare(line, "# type: ignore", '[') || is_bare(line, "# noqa", ':')
                })
                .map(|(number, _)| format!("{path}:{}: name the rule that is ignored", number + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    tree::assert_none(&broken);
}

/// Whether `mark` stands in `line` without the `opening` of a list of rules.
fn is_bare(line: &str, mark: &str, opening: char) -> bool {
    line.split(mark)
        .skip(1)
        .any(|after| !after.starts_with(opening))
}

#[test]
fn the_rules_know_what_they_look_for() {
    assert!(is_allow("    #[allow(dead_code)]"));
    assert!(!is_allow("#[expect(dead_code, reason = \"…\")]"));
    assert!(is_bare("x = 1  # noqa", "# noqa", ':'));
    assert!(!is_bare("x = 1  # noqa: E501", "# noqa", ':'));
}
