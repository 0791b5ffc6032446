//! Workflows are too dull to need GitHub for a try: they wire runners, permissions and artifacts, and
//! whatever decides or does something is a command that also runs here.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::tree;

const FOLDER: &str = ".github/workflows/";

const CHECKOUT: &str = "actions/checkout@";

const XTASK: &str = "cargo xtask ";

/// What a step may run, as one line.
const COMMANDS: [&str; 6] = [XTASK, "make ", "rustup ", "uv ", ".ci/run", "echo "];

#[test]
fn workflows_only_wire() {
    let broken: Vec<_> = workflows()
        .iter()
        .flat_map(|(path, text)| broken_rules(path, text))
        .collect();
    tree::assert_none(&broken);
}

#[test]
fn an_action_has_one_pin() {
    let mut pins: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut broken = Vec::new();
    for (path, text) in workflows() {
        for action in text.lines().filter_map(used) {
            let Some((name, pin)) = action.split_once('@') else {
                continue;
            };
            let (first, known) = pins
                .entry(name.to_owned())
                .or_insert_with(|| (path.clone(), pin.to_owned()));
            if known != pin {
                broken.push(format!(
                    "{path}: `{name}` is pinned to `{pin}`, in {first} to `{known}`; take the newer everywhere"
                ));
            }
        }
    }
    tree::assert_none(&broken);
}

fn workflows() -> Vec<(String, String)> {
    let found: Vec<_> = tree::files()
        .into_iter()
        .filter(|path| path.starts_with(FOLDER))
        .map(|path| {
            let text = tree::text(&path).expect("a workflow is text");
            (path, text)
        })
        .collect();
    assert!(!found.is_empty(), "there are no workflows in {FOLDER}");
    found
}

/// What a line uses, with the remark beside it.
fn used(line: &str) -> Option<&str> {
    line.trim_start()
        .trim_start_matches("- ")
        .strip_prefix("uses: ")
}

fn broken_rules(path: &str, text: &str) -> Vec<String> {
    let workflow = match parse(text) {
        Ok(workflow) => workflow,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let mut broken = Vec::new();
    if workflow["permissions"] != serde_json::json!({}) {
        broken.push(format!(
            "{path}: write `permissions: {{}}` at the top; each job says what it needs"
        ));
    }
    for action in text.lines().filter_map(used) {
        if !action.starts_with("$/") && !is_pinned(action) {
            broken.push(format!(
                "{path}: `{action}`: pin it as `owner/name@<hash of 40 digits> # v1.2.3`"
            ));
        }
    }
    for (name, job) in workflow["jobs"].as_object().into_iter().flatten() {
        let problems = match job["uses"].as_str() {
            Some(called) => broken_call(job, called),
            None => broken_job(job),
        };
        broken.extend(
            problems
                .into_iter()
                .map(|problem| format!("{path}: {name}: {problem}")),
        );
    }
    broken
}

fn parse(text: &str) -> Result<Value, serde_saphyr::Error> {
    serde_saphyr::from_str(text)
}

/// Whether `action` is `owner/name@hash # version`.
fn is_pinned(action: &str) -> bool {
    let Some((action, version)) = action.split_once(" # v") else {
        return false;
    };
    let Some((_, hash)) = action.split_once('@') else {
        return false;
    };
    hash.len() == 40
        && hash.chars().all(|c| c.is_ascii_hexdigit())
        && version.starts_with(|c: char| c.is_ascii_digit())
}

/// Rules of a job with steps.
fn broken_job(job: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    if job.get("timeout-minutes").is_none() {
        broken.push("say with `timeout-minutes` when it has hung".to_owned());
    }
    if job.get("environment").is_none() {
        if writes(&job["permissions"]) {
            broken.push("it may write; give it an `environment`".to_owned());
        }
        if reads_secrets(job) {
            broken.push("it reads a secret; keep that in an `environment`".to_owned());
        }
    }
    let mut is_compiled = false;
    for step in job["steps"].as_array().into_iter().flatten() {
        let checks_out = step["uses"]
            .as_str()
            .is_some_and(|action| action.starts_with(CHECKOUT));
        if checks_out && step["with"]["persist-credentials"] != false {
            broken.push(
                "its checkout leaves a token on disk; write `persist-credentials: false`"
                    .to_owned(),
            );
        }
        let Some(run) = step["run"].as_str() else {
            continue;
        };
        if run.starts_with(XTASK) {
            if !is_compiled && job.get("environment").is_some() && knows_secrets(&step["env"]) {
                broken.push(format!(
                    "`{run}` compiles with a secret in sight of build scripts; run `{XTASK}release \
                     --help` before it"
                ));
            }
            is_compiled = true;
        }
        if run.contains("${{") {
            broken.push(format!("`{run}`: hand expressions over in `env`"));
        }
        if run.trim_end().contains('\n') || !COMMANDS.iter().any(|start| run.starts_with(start)) {
            broken.push(format!(
                "`{}`: a step runs one line of {}; what is more belongs into xtask",
                run.lines().next().unwrap_or_default(),
                COMMANDS
                    .map(|start| format!("`{}`", start.trim_end()))
                    .join(", ")
            ));
        }
    }
    broken
}

fn writes(permissions: &Value) -> bool {
    match permissions {
        Value::String(all) => all == "write-all",
        Value::Object(scopes) => scopes.values().any(|level| level == "write"),
        _ => false,
    }
}

fn reads_secrets(value: &Value) -> bool {
    mentions(value, "secrets.")
}

/// The job's own token counts too.
fn knows_secrets(value: &Value) -> bool {
    reads_secrets(value) || mentions(value, "github.token")
}

/// Whether an expression in `value` has `name` in it.
fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.contains("${{") && text.contains(name),
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        Value::Object(entries) => entries.values().any(|entry| mentions(entry, name)),
        _ => false,
    }
}

/// Rules of a job that calls a workflow.
fn broken_call(job: &Value, called: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if job["secrets"] == "inherit" {
        broken.push("`secrets: inherit` hands over all of them; name those it needs".to_owned());
    }
    let Some(path) = called.strip_prefix("$/") else {
        broken.push(format!(
            "`{called}` is not of this repository; call `$/{FOLDER}…`"
        ));
        return broken;
    };
    if !tree::root().join(path).is_file() {
        broken.push(format!("`{called}` does not exist"));
        return broken;
    }
    let text = tree::text(path).expect("a workflow is text");
    let called = parse(&text).expect("its own check reports what is wrong with it");
    for (given, declared) in [("with", "inputs"), ("secrets", "secrets")] {
        let given_keys = keys(&job[given]);
        let declared = &called["on"]["workflow_call"][declared];
        for key in &given_keys {
            if declared.get(key).is_none() {
                broken.push(format!("`{given}: {key}` is unknown to `{path}`"));
            }
        }
        for key in keys(declared) {
            if declared[&key]["required"] == true && !given_keys.contains(&key) {
                broken.push(format!("`{path}` needs `{given}: {key}`"));
            }
        }
    }
    broken
}

fn keys(map: &Value) -> Vec<String> {
    map.as_object()
        .into_iter()
        .flat_map(|map| map.keys().cloned())
        .collect()
}

/// Each rule, and a workflow that breaks it alone.
#[test]
fn the_rules_know_what_they_look_for() {
    let good = "\
permissions: {}
jobs:
  a:
    timeout-minutes: 5
    environment: release
    permissions:
      contents: write
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - env:
          TOKEN: ${{ secrets.TOKEN }}
        run: make all
  b:
    uses: $/.github/workflows/publish-packages.yml
    with:
      plan: x
";
    assert_eq!(broken_rules("good.yml", good), Vec::<String>::new());
    for (from, to, message) in [
        ("permissions: {}", "permissions: read-all", "at the top"),
        ("    timeout-minutes: 5\n", "", "timeout-minutes"),
        ("    environment: release\n", "", "it may write"),
        ("    environment: release\n", "", "reads a secret"),
        (" # v7.0.1", "", "pin it"),
        (
            "@3d3c42e5aac5ba805825da76410c181273ba90b1 #",
            "@v7 #",
            "pin it",
        ),
        ("make all", "make ${{ inputs.what }}", "in `env`"),
        (
            "make all",
            "cargo xtask release sign",
            "in sight of build scripts",
        ),
        (
            "make all",
            "curl https://example.com",
            "a step runs one line",
        ),
        (
            "run: make all",
            "run: |\n          make all\n          make more",
            "one line",
        ),
        ("publish-packages.yml", "nowhere.yml", "does not exist"),
        (
            "uses: $/.github",
            "uses: ./.github",
            "not of this repository",
        ),
        ("      plan: x", "      what: x", "`with: what` is unknown"),
        ("      plan: x", "      what: x", "needs `with: plan`"),
        (
            "      plan: x\n",
            "      plan: x\n    secrets: inherit\n",
            "secrets: inherit",
        ),
        (
            "persist-credentials: false",
            "fetch-depth: 0",
            "token on disk",
        ),
        ("jobs:", "jobs: {", "bad.yml"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let broken = broken_rules("bad.yml", &bad).join("\n");
        assert!(broken.contains(message), "{message} is not in: {broken}");
    }
}
