//! A link in a page leads somewhere.

use std::path::Path;

use crate::tree;

#[test]
fn links_between_pages_lead_to_files_that_exist() {
    let mut broken = Vec::new();
    for path in tree::files() {
        if !tree::has_extension(&path, &["md"]) {
            continue;
        }
        let folder = Path::new(&path).parent().expect("a file is in a folder");
        for (number, line) in tree::text(&path).unwrap_or_default().lines().enumerate() {
            for target in targets(line) {
                let file = target.split('#').next().unwrap_or(target);
                if !file.is_empty() && !tree::root().join(folder).join(file).exists() {
                    broken.push(format!(
                        "{path}:{}: `{target}` is not there; correct the link",
                        number + 1
                    ));
                }
            }
        }
    }
    tree::assert_none(&broken);
}

/// The targets of `[text](target)`, other sites left out.
fn targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

#[test]
fn links_are_found_in_a_line() {
    assert_eq!(
        targets("[a](one.md) and [b](https://example.org) or [c](two.md#part)"),
        ["one.md", "two.md#part"]
    );
}
