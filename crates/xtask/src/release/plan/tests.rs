//! The truth table, and planning against a server.

use std::fs;

use mesh_test::Hub;

use super::decision::{Event, Existing, Facts, Inputs, Requested, Source, Stage, decide};
use super::*;

const STARTED: &str = "c0ffee";
const TAGGED: &str = "7a66ed";

/// The version asked for, beside a workspace that says 4.0.0 (or 4.1.0-rc.1 in one row).
#[derive(Debug, Clone, Copy)]
enum Asked {
    Nothing,
    Workspace,
    Other,
}

use Asked::{Nothing, Other, Workspace};
use Event::{PullRequest, Push, WorkflowDispatch};
use Existing::{Complete, Draft, Incomplete};
use Stage::{Production, Test};

type Row = (
    Event,
    Stage,
    Asked,
    Existing,
    Result<&'static str, &'static str>,
);

/// Event × environment × version × existing release → what is built and published, or the reason
/// why nothing is.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    (PullRequest,      Test,       Nothing,   Existing::Nothing, Ok("dry")),
    (PullRequest,      Test,       Workspace, Existing::Nothing, Ok("dry")),
    (PullRequest,      Test,       Other,     Existing::Nothing, Ok("dry")),
    (PullRequest,      Test,       Nothing,   Draft,             Ok("dry")),
    (PullRequest,      Test,       Nothing,   Complete,          Ok("dry")),
    (PullRequest,      Test,       Nothing,   Incomplete,        Ok("dry")),
    (PullRequest,      Production, Nothing,   Existing::Nothing, Ok("dry")),
    (PullRequest,      Production, Workspace, Existing::Nothing, Ok("dry")),
    (PullRequest,      Production, Workspace, Complete,          Ok("dry")),

    (Push,             Test,       Nothing,   Existing::Nothing, Ok("build all")),
    (Push,             Test,       Workspace, Existing::Nothing, Ok("build all")),
    (Push,             Test,       Workspace, Complete,          Ok("build all")),
    (Push,             Test,       Other,     Existing::Nothing, Err("`cargo xtask release prepare 9.9.9`")),
    (Push,             Production, Workspace, Existing::Nothing, Ok("build all, publish")),
    (Push,             Production, Workspace, Draft,             Ok("build all, publish")),
    (Push,             Production, Workspace, Complete,          Ok("publish the rest")),
    (Push,             Production, Workspace, Incomplete,        Err("never replaced")),
    (Push,             Production, Other,     Existing::Nothing, Err("the workspace at commit")),
    (Push,             Production, Other,     Complete,          Err("the workspace at commit")),
    (Push,             Production, Nothing,   Existing::Nothing, Err("pass `version`")),

    (WorkflowDispatch, Test,       Nothing,   Existing::Nothing, Ok("build all")),
    (WorkflowDispatch, Test,       Workspace, Existing::Nothing, Ok("build all")),
    (WorkflowDispatch, Test,       Workspace, Draft,             Ok("build all")),
    (WorkflowDispatch, Test,       Workspace, Complete,          Ok("build all")),
    (WorkflowDispatch, Test,       Workspace, Incomplete,        Ok("build all")),
    (WorkflowDispatch, Test,       Other,     Existing::Nothing, Err("the workspace at commit")),
    (WorkflowDispatch, Production, Workspace, Existing::Nothing, Ok("build all, publish")),
    (WorkflowDispatch, Production, Workspace, Draft,             Ok("build all, publish")),
    (WorkflowDispatch, Production, Workspace, Complete,          Ok("publish the rest")),
    (WorkflowDispatch, Production, Workspace, Incomplete,        Err("never replaced")),
    (WorkflowDispatch, Production, Other,     Existing::Nothing, Err("the workspace at commit")),
    (WorkflowDispatch, Production, Nothing,   Existing::Nothing, Err("pass `version`")),
];

fn inputs(event: Event, stage: Stage, asked: Asked, workspace: &ReleaseVersion) -> Inputs {
    Inputs {
        event,
        stage,
        requested: match asked {
            Nothing => Requested::Workspace,
            Workspace => Requested::Tag(workspace.clone()),
            Other => Requested::Tag("9.9.9".parse().unwrap()),
        },
        commit: STARTED.to_owned(),
    }
}

fn facts(workspace: &str, existing: Existing) -> Facts {
    Facts {
        workspace: workspace.parse().unwrap(),
        has_key: true,
        image_registries: vec!["docker.io/acme".to_owned()],
        unpinned_bases: Vec::new(),
        existing,
        tag_commit: None,
        published: Vec::new(),
    }
}

/// What a plan comes to; every field has its say.
fn summary(plan: &Plan) -> &'static str {
    let all = plan.targets.len() == 8;
    let host = plan.targets.len() == 1 && plan.targets[0].runner == "ubuntu-22.04";
    match (plan.publish, plan.source, plan.lies) {
        (false, Source::Build, true) if host && plan.docker_tags.is_empty() => "dry",
        (false, Source::Build, false) if all && plan.docker_tags.is_empty() => "build all",
        (true, Source::Build, false) if all && !plan.docker_tags.is_empty() => "build all, publish",
        (true, Source::Release, false) if plan.targets.is_empty() => "publish the rest",
        _ => "something that no row knows",
    }
}

#[test]
fn the_truth_table_holds() {
    for &(event, stage, asked, existing, expected) in TABLE {
        let facts = facts("4.0.0", existing);
        let decided = decide(&inputs(event, stage, asked, &facts.workspace), &facts);
        let row = format!("{event:?} × {stage:?} × {asked:?} × {existing:?}");
        match (decided, expected) {
            (Ok(plan), Ok(expected)) => {
                assert_eq!(summary(&plan), expected, "{row}");
                assert_eq!(plan.tag, "v4.0.0", "{row}");
                assert_eq!(plan.commit, STARTED, "{row}");
            }
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{row}: {error}");
            }
            (decided, expected) => panic!("{row}: {decided:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn nothing_is_published_without_a_key_to_sign_with() {
    let mut facts = facts("4.0.0", Existing::Nothing);
    facts.has_key = false;
    for event in [Push, WorkflowDispatch] {
        let error = decide(
            &inputs(event, Production, Workspace, &facts.workspace),
            &facts,
        );
        assert!(error.unwrap_err().to_string().contains("new-key"));
        decide(&inputs(event, Test, Workspace, &facts.workspace), &facts).unwrap();
    }
}

#[test]
fn nothing_is_published_on_bases_of_any_day() {
    let mut facts = facts("4.0.0", Existing::Nothing);
    facts.unpinned_bases = vec!["python:3".to_owned()];
    let inputs = |stage| inputs(WorkflowDispatch, stage, Workspace, &facts.workspace);
    let error = decide(&inputs(Production), &facts).unwrap_err().to_string();
    assert!(
        error.contains("`python:3`") && error.contains("pin-bases"),
        "{error}"
    );
    decide(&inputs(Test), &facts).unwrap();
}

#[test]
fn a_prerelease_moves_nothing_that_follows_stable_versions() {
    let facts = facts("4.1.0-rc.1", Existing::Nothing);
    let inputs = inputs(WorkflowDispatch, Production, Workspace, &facts.workspace);
    let plan = decide(&inputs, &facts).unwrap();
    assert!(plan.publish && !plan.stable);
    assert_eq!(plan.pep440, "4.1.0rc1");
    assert_eq!(plan.docker_tags, ["4.1.0-rc.1"]);
}

#[test]
fn a_tag_that_exists_decides_what_is_built() {
    let mut facts = facts("4.0.0", Existing::Nothing);
    facts.tag_commit = Some(TAGGED.to_owned());
    for stage in [Production, Test] {
        let dispatch = inputs(WorkflowDispatch, stage, Workspace, &facts.workspace);
        assert_eq!(decide(&dispatch, &facts).unwrap().commit, TAGGED);
        let push = inputs(Push, stage, Workspace, &facts.workspace);
        let error = decide(&push, &facts).unwrap_err().to_string();
        assert!(error.contains("must not move"), "{error}");
    }
}

#[test]
fn a_run_is_for_a_tag_in_one_spelling() {
    for (text, requested) in [
        ("", Requested::Workspace),
        ("dry-run", Requested::Workspace),
        ("v4.0.0", Requested::Tag("4.0.0".parse().unwrap())),
    ] {
        assert_eq!(text.parse::<Requested>().unwrap(), requested);
    }
    let error = "4.0.0".parse::<Requested>().unwrap_err().to_string();
    assert!(error.contains("write `v4.0.0`"), "{error}");
    let error = "v4;ls".parse::<Requested>().unwrap_err().to_string();
    assert!(error.contains("`v4;ls` is no version"), "{error}");
}

#[test]
fn every_target_has_a_machine_of_its_own_kind() {
    let facts = facts("4.0.0", Existing::Nothing);
    let inputs = inputs(WorkflowDispatch, Test, Nothing, &facts.workspace);
    let plan = decide(&inputs, &facts).unwrap();
    let runners: Vec<_> = plan
        .targets
        .iter()
        .map(|target| target.runner.as_str())
        .collect();
    insta::assert_snapshot!(runners.join("\n"), @r"
    macos-15
    macos-15-intel
    ubuntu-22.04-arm
    ubuntu-22.04
    ubuntu-22.04-arm
    ubuntu-22.04
    windows-11-arm
    windows-2022
    ");
}

/// A clone with one commit per version, each with a key; the last one is checked out.
fn clone(versions: &[&str]) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        Tool::new("git")
            .current_dir(folder.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@t"])
            .args(arguments)
            .output()
            .unwrap()
    };
    git(&["init", "--quiet"]);
    let mut commits = Vec::new();
    for version in versions {
        let manifest = format!(
            "[workspace.package]\nversion = \"{version}\"\ndescription = \"d\"\nlicense = \"MIT\"\n\
             repository = \"https://git.example/acme/mesh\"\n[workspace.metadata.release]\n\
             homebrew-tap = \"acme/tap\"\nscoop-bucket = \"acme/bucket\"\nimage-organisation = \"acme\"\n\
             minisign-public-key = \"key\"\n"
        );
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let bases = folder.path().join(bases::FILE);
        fs::create_dir_all(bases.parent().unwrap()).unwrap();
        let hash = "0".repeat(64);
        let base = format!("argument = 'A'\nimage = 'a:1'\ndigest = 'sha256:{hash}'\n");
        fs::write(bases, format!("[[base]]\n{base}")).unwrap();
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", version]);
        commits.push(git(&["rev-parse", "HEAD"]));
    }
    (folder, commits)
}

fn hub_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Hub) {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let hub = Hub::start(root.path());
    (root, hub)
}

fn args(workspace: &Path, hub: &Hub, version: &str, commit: &str) -> PlanArgs {
    PlanArgs {
        event: WorkflowDispatch,
        version: version.parse().unwrap(),
        environment: Production,
        commit: commit.to_owned(),
        workspace: workspace.to_owned(),
        github_base: Some(hub.base_url().to_owned()),
        github_output: None,
        dry_run: false,
    }
}

#[test]
fn an_old_release_is_continued_from_a_newer_checkout() {
    let (workspace, commits) = clone(&["4.0.0", "4.1.0"]);
    let (_root, hub) = hub_with(&[
        ("tags/v4.0.0", &commits[0]),
        ("tags/v4.1.0", &format!("{} 0b1ec7", commits[1])),
        ("releases/v4.0.0/SHA256SUMS", ""),
        ("releases/v4.0.0/SHA256SUMS.minisig", ""),
        ("releases/v4.1.0/other.txt", ""),
    ]);
    let mut args = args(workspace.path(), &hub, "v4.0.0", &commits[1]);
    let plan = plan(&args, None).unwrap();
    assert_eq!(summary(&plan), "publish the rest");
    assert_eq!(plan.commit, commits[0]);
    assert_eq!(plan.docker_tags, ["4.0.0", "4.0"]);

    args.version = "v4.1.0".parse().unwrap();
    let error = super::plan(&args, None).unwrap_err().to_string();
    assert!(error.contains("never replaced"), "{error}");
    assert_eq!(hub.writes(), []);
}

#[test]
fn a_draft_is_seen_by_those_who_may_write_and_counts_for_nothing() {
    let (workspace, commits) = clone(&["4.0.0"]);
    let draft = r#"{"id":1,"tag_name":"v4.0.0"}"#;
    let (_root, hub) = hub_with(&[("drafts/1/release.json", draft)]);
    let args = args(workspace.path(), &hub, "v4.0.0", &commits[0]);
    let environment = Environment::from_iter([(Token::REPOSITORY, "secret")]);
    let token = Token::read(&environment, Token::REPOSITORY).unwrap();
    let client = Client::new(
        hub.base_url(),
        &Project::load(workspace.path()).unwrap(),
        Some(token.clone()),
    )
    .unwrap();
    let Requested::Tag(version) = &args.version else {
        panic!("a version is asked for");
    };
    assert_eq!(ask(&client, &args, version).unwrap().existing, Draft);
    let plan = plan(&args, Some(token)).unwrap();
    assert_eq!(summary(&plan), "build all, publish");
}

#[test]
fn a_pull_request_asks_nobody() {
    let (workspace, commits) = clone(&["4.0.0"]);
    let (_root, hub) = hub_with(&[]);
    let mut args = args(workspace.path(), &hub, "v9.9.9", &commits[0]);
    args.event = PullRequest;
    assert_eq!(summary(&plan(&args, None).unwrap()), "dry");
    assert_eq!(hub.requests(), []);
}

#[test]
fn later_jobs_read_the_outputs_line_by_line() {
    let facts = facts("4.0.0", Existing::Nothing);
    let inputs = inputs(PullRequest, Test, Nothing, &facts.workspace);
    let plan = decide(&inputs, &facts).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    fs::write(&path, "earlier=1\n").unwrap();
    write_outputs(&path, &plan).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    insta::assert_snapshot!(text, @r#"
    earlier=1
    plan={"tag":"v4.0.0","version":"4.0.0","pep440":"4.0.0","commit":"c0ffee","stable":true,"publish":false,"source":"build","targets":[{"target":"x86_64-unknown-linux-gnu","runner":"ubuntu-22.04"}],"lies":true,"image_registries":["docker.io/acme"],"docker_tags":[]}
    publish=false
    source=build
    stable=true
    commit=c0ffee
    "#);
    let plan_line = text
        .lines()
        .find_map(|line| line.strip_prefix("plan="))
        .unwrap();
    assert_eq!(serde_json::from_str::<Plan>(plan_line).unwrap(), plan);
}
