//! The README is short, and what it tells to type is known to work.

use crate::tree;

const LONGEST: usize = 150;

/// Pages whose `console` blocks are run, line by line, by `tests/interop/test_documentation.py`.
const RUN: &str = "tests/interop/test_documentation.py";

/// README commands not run here, each with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "git clone https://github.com/dhyansraj/mcp-mesh",
        "needs the network; the tests run in a clone already",
    ),
    ("cd mcp-mesh", "the tests run in the checkout"),
    (
        "make demo",
        "runs examples/demo.sh, which the documentation test runs",
    ),
    (
        "pip install mcp-mesh",
        "needs a published release; `make rehearse` installs from an index of its own",
    ),
    (
        "brew install dhyansraj/mcp-mesh/mcp-mesh",
        "needs Homebrew and a published release; `evaluate.rb` tries the formula",
    ),
    (
        "curl -LsSf https://github.com/dhyansraj/mcp-mesh/releases/latest/download/mcp-mesh-installer.sh | sh",
        "needs a published release; `make rehearse` installs from a server of its own",
    ),
    (
        "docker run -p 127.0.0.1:8000:8000 -v mesh:/data mcpmesh/registry",
        "needs Docker and a published release; `make images` runs the image",
    ),
    ("make test-all", "is what runs this test"),
    ("make help", "lists the commands; nothing to prove"),
];

#[test]
fn the_readme_is_short() {
    let lines = tree::text("README.md")
        .expect("the README is text")
        .lines()
        .count();
    assert!(
        lines <= LONGEST,
        "README.md: {lines} lines, {LONGEST} at most; move a section to docs/"
    );
}

#[test]
fn every_command_of_the_readme_is_run_or_has_a_reason() {
    let readme = tree::text("README.md").expect("the README is text");
    let test = tree::text(RUN).expect("the documentation test is text");
    assert!(test.contains("\"README.md\""), "{RUN}: run README.md");
    let broken: Vec<_> = fenced(&readme)
        .into_iter()
        .filter(|(language, line)| {
            let command = line.split(" #").next().unwrap_or(line).trim_end();
            // `console` blocks are run by the test; blocks of other languages are no commands.
            language == "sh" && !NOT_RUN.iter().any(|(known, _)| *known == command)
        })
        .map(|(_, line)| {
            format!(
                "README.md: `{line}`: put it into a `console` block, or into NOT_RUN with a reason"
            )
        })
        .collect();
    tree::assert_none(&broken);
}

#[test]
fn no_reason_outlives_its_command() {
    let readme = tree::text("README.md").expect("the README is text");
    let lines = fenced(&readme);
    let broken: Vec<_> = NOT_RUN
        .iter()
        .filter(|(command, _)| !lines.iter().any(|(_, line)| line.starts_with(command)))
        .map(|(command, _)| format!("README.md no longer says `{command}`; drop it from NOT_RUN"))
        .collect();
    tree::assert_none(&broken);
}

/// The lines of all fenced blocks, each with its block's language; empty ones and comments left out.
fn fenced(page: &str) -> Vec<(String, String)> {
    let mut language = None;
    let mut lines = Vec::new();
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), &language) {
            (Some(_), Some(_)) => language = None,
            (Some(name), None) => language = Some(name.to_owned()),
            (None, Some(name)) if !line.trim().is_empty() && !line.starts_with('#') => {
                lines.push((name.clone(), line.to_owned()));
            }
            _ => {}
        }
    }
    lines
}
