//! `meshctl man`.

use crate::stage::{Stage, stage_snapshot};

fn text(stage: &Stage, arguments: &[&str]) -> String {
    let output = stage
        .meshctl()
        .arg("man")
        .args(arguments)
        .output()
        .expect("meshctl can be run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_overview_is_what_one_sees_first() {
    let stage = Stage::new();
    let page = text(&stage, &[]);
    assert_eq!(page, text(&stage, &["overview"]));
    assert!(page.starts_with("Overview: agents, capabilities, a registry\n────"));
    assert!(page.contains("\nSee also: capabilities, health, watch, "));
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
}

#[test]
fn topics_have_aliases_and_sections() {
    let stage = Stage::new();
    assert_eq!(
        text(&stage, &["di"]),
        text(&stage, &["dependency", "injection"])
    );
    let tags = text(&stage, &["tags", "--raw"]);
    assert!(tags.starts_with("## Tags\n"), "{tags}");
    assert!(!tags.contains("## Versions"), "{tags}");
    // A page of Markdown is the file that the documentation has.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let jobs = std::fs::read_to_string(format!("{root}/docs/guides/jobs.md")).unwrap();
    assert_eq!(text(&stage, &["jobs", "--raw"]).trim_end(), jobs.trim_end());
}

#[test]
fn an_unknown_topic_is_no_failure_unless_asked() {
    let stage = Stage::new();
    stage_snapshot!(stage, stage.meshctl().args(["man", "dependncy"]), @r"
        exit: 0
        ----- stdout -----
        ----- stderr -----
        Error: the manual has no topic `dependncy`
        Hint: did you mean `dependency`?
        ");
    stage_snapshot!(stage, stage.meshctl().args(["--exit-code", "man", "xyzzy"]), @r"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        Error: the manual has no topic `xyzzy`
        Hint: `meshctl man --list` shows all topics, `--search WORDS` looks into them
        ");
}

#[test]
fn topics_are_listed_and_searched() {
    let stage = Stage::new();
    let list = text(&stage, &["--list"]);
    assert!(list.lines().any(|line| line.starts_with("jobs ")), "{list}");
    let listed: Vec<serde_json::Value> =
        serde_json::from_str(&text(&stage, &["--list", "--json"])).unwrap();
    assert_eq!(listed.len(), list.lines().count() - 2);
    let found = text(&stage, &["--search", "CLAIM lease"]);
    assert!(found.contains("Jobs\n  "), "{found}");
    stage_snapshot!(stage, stage.meshctl().args(["man", "--search", "xyzzy"]), @r"
        exit: 0
        ----- stdout -----
        No page of the manual says `xyzzy`.
        ----- stderr -----
        ");
}
