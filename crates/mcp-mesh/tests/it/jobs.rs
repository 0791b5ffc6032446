//! `meshctl job` against a registry with jobs.

use mesh_test::{TestContext, mesh_snapshot, test_context};
use serde_json::{Value, json};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// What the registry answers to a request that succeeds.
fn post(context: &TestContext, path: &str, body: &Value) -> Value {
    let mut connection = context.registry().connect().expect("the registry listens");
    let answer = connection.send("POST", path, body.to_string().as_bytes());
    let answer = answer.expect("an answer");
    let text = answer.text();
    assert!(answer.status < 300, "{path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn job(context: &TestContext, capability: &str) -> String {
    let request = json!({
        "capability": capability, "submitted_by": "tester", "submitted_payload": {}, "max_retries": 2,
    });
    let created = post(context, "/jobs", &request);
    created["id"].as_str().expect("an id").to_owned()
}

/// A job that `worker-1` runs, a quarter done.
fn running_job(context: &TestContext) -> String {
    let id = job(context, "report");
    let claim = json!({ "capability": "report", "instance_id": "worker-1" });
    post(context, "/jobs/claim", &claim);
    let delta = json!({
        "id": id, "claim_epoch": 1, "progress": 0.25, "progress_message": "reading",
        "recv_cursor": { "": 3, "note": 2 },
    });
    let deltas = json!({ "instance_id": "worker-1", "deltas": [delta] });
    assert_eq!(post(context, "/jobs/batch", &deltas)["accepted"], 1);
    id
}

/// A context whose jobs have ids that differ from run to run.
struct Jobs<'a>(&'a TestContext);

impl Jobs<'_> {
    fn filters(&self) -> Vec<(String, String)> {
        let mut filters = self.0.filters();
        let id = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        filters.push((format!(r"\b\d+\.{id}"), "[CURSOR]".to_owned()));
        filters.push((id.to_owned(), "[JOB]".to_owned()));
        filters
    }
}

/// Compares what `meshctl job …` did.
macro_rules! job_snapshot {
    ($context:expr, $arguments:expr, @$snapshot:literal) => {
        mesh_snapshot!(Jobs(&$context), $context.meshctl().arg("job").args($arguments), @$snapshot)
    };
}

#[test]
fn a_job_says_where_it_stands() {
    let context = test_context!().with_registry();
    let waiting = job(&context, "other");
    job_snapshot!(context, ["status", &waiting], @r"
        exit: 0
        ----- stdout -----
        Job:          [JOB]
        Capability:   other
        Status:       working
        Owner:        (unclaimed)
        Claim epoch:  0
        Attempts:     0 / 2 (max_retries)
        Lease expiry: -
        Last beat:    -
        Submitted:    [TIMESTAMP] by tester
        ----- stderr -----
        ");
    let id = running_job(&context);
    job_snapshot!(context, ["status", &id], @r"
        exit: 0
        ----- stdout -----
        Job:          [JOB]
        Capability:   report
        Status:       working
        Owner:        worker-1
        Claim epoch:  1
        Attempts:     1 / 2 (max_retries)
        Progress:     reading
        Done:         25%
        Lease expiry: [TIMESTAMP]
        Last beat:    [TIMESTAMP]
        Recv cursor:  (all)=3, note=2
        Submitted:    [TIMESTAMP] by tester
        ----- stderr -----
        ");
    let text = context
        .meshctl()
        .args(["job", "status", &id, "--json"])
        .output()
        .unwrap();
    let status: Value = serde_json::from_slice(&text.stdout).unwrap();
    assert_eq!(status["owner_instance_id"], "worker-1");
    assert_eq!(status["recv_cursor"]["note"], 2);
    post(
        &context,
        &format!("/jobs/{id}/cancel"),
        &json!({ "reason": "no need" }),
    );
    job_snapshot!(context, ["status", &id], @r"
        exit: 0
        ----- stdout -----
        Job:          [JOB]
        Capability:   report
        Status:       cancelled
        Owner:        worker-1
        Claim epoch:  1
        Attempts:     1 / 2 (max_retries)
        Progress:     reading
        Done:         25%
        Lease expiry: [TIMESTAMP]
        Last beat:    [TIMESTAMP]
        Recv cursor:  (all)=3, note=2
        Submitted:    [TIMESTAMP] by tester
        Error:        cancelled: no need
        ----- stderr -----
        ");
    job_snapshot!(context, ["status", NOBODY], @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: job not found: [JOB]
        Hint: `meshctl job list` shows the jobs that the registry knows
        ");
}

#[test]
fn a_job_is_taken_from_its_owner() {
    let context = test_context!().with_registry();
    let id = running_job(&context);
    job_snapshot!(context, ["reclaim", &id], @r"
        exit: 0
        ----- stdout -----
        Job [JOB] reclaimed
          Evicted owner: worker-1
          Status:        working (claimable)
          Claim epoch:   1 (unchanged; next claim mints the next epoch)
        ----- stderr -----
        ");
    job_snapshot!(context, ["reclaim", &id], @r"
        exit: 0
        ----- stdout -----
        Job [JOB] reclaimed
          Evicted owner: (none — was unclaimed)
          Status:        working (claimable)
          Claim epoch:   1 (unchanged; next claim mints the next epoch)
        ----- stderr -----
        ");
    job_snapshot!(context, ["reclaim", &id, "--json"], @r#"
        exit: 0
        ----- stdout -----
        {
          "status": "working",
          "previous_owner_instance_id": null,
          "claim_epoch": 1
        }
        ----- stderr -----
        "#);
    post(&context, &format!("/jobs/{id}/cancel"), &json!({}));
    job_snapshot!(context, ["reclaim", &id, "--exit-code"], @r"
        exit: 6
        ----- stdout -----
        ----- stderr -----
        Error: job [JOB] is already in a terminal state — nothing to reclaim
        Hint: `meshctl job status [JOB]` shows where it stands
        ");
    job_snapshot!(context, ["reclaim", NOBODY, "--exit-code"], @r"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        Error: job not found: [JOB]
        Hint: `meshctl job list` shows the jobs that the registry knows
        ");
}

#[test]
fn jobs_are_listed_and_filtered() {
    let context = test_context!().with_registry();
    job_snapshot!(context, ["list"], @r"
        exit: 0
        ----- stdout -----
        No jobs found
        ----- stderr -----
        ");
    running_job(&context);
    let done = job(&context, "other");
    post(&context, &format!("/jobs/{done}/cancel"), &json!({}));
    job_snapshot!(context, ["list"], @r"
        exit: 0
        ----- stdout -----
        ID                                    CAPABILITY  STATUS     OWNER     ATTEMPTS  AGE  PROGRESS
        ---------------------------------------------------------------------------------------------------
        [JOB]  other       cancelled  -         0/3       [DURATION]   -
        [JOB]  report      working    worker-1  1/3       [DURATION]   reading (25%)
        ----- stderr -----
        ");
    job_snapshot!(context, ["list", "--status", "completed,cancelled", "--since", "1h"], @r"
        exit: 0
        ----- stdout -----
        ID                                    CAPABILITY  STATUS     OWNER  ATTEMPTS  AGE  PROGRESS
        -------------------------------------------------------------------------------------------
        [JOB]  other       cancelled  -      0/3       [DURATION]   -
        ----- stderr -----
        ");
    job_snapshot!(context, ["list", "--capability", "report", "--owner", "worker-2"], @r"
        exit: 0
        ----- stdout -----
        No jobs found
        ----- stderr -----
        ");
    let text = context
        .meshctl()
        .args(["job", "list", "--limit", "1", "--json"])
        .output()
        .unwrap();
    let page: Value = serde_json::from_slice(&text.stdout).unwrap();
    assert_eq!(page["jobs"].as_array().unwrap().len(), 1);
    let cursor = page["next_cursor"].as_str().unwrap();
    job_snapshot!(context, ["list", "--cursor", cursor], @r"
        exit: 0
        ----- stdout -----
        ID                                    CAPABILITY  STATUS   OWNER     ATTEMPTS  AGE  PROGRESS
        -------------------------------------------------------------------------------------------------
        [JOB]  report      working  worker-1  1/3       [DURATION]   reading (25%)
        ----- stderr -----
        ");
    job_snapshot!(context, ["list", "--status", "gone"], @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value 'gone' for '--status <STATUS>': the states are working, input_required, completed, failed, cancelled

        For more information, try '--help'.
        ");
    job_snapshot!(context, ["list", "--since", "soon"], @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value 'soon' for '--since <SPAN>': write a span of time such as `[DURATION]`, `5m`, `2h30m` or `3d`

        For more information, try '--help'.
        ");
}

#[test]
fn what_a_job_was_told_is_shown_in_order() {
    let context = test_context!().with_registry();
    let id = job(&context, "report");
    job_snapshot!(context, ["events", &id], @r"
        exit: 0
        ----- stdout -----
        No events found
        ----- stderr -----
        ");
    for (kind, payload) in [("note", json!({ "a": 1 })), ("answer", json!("yes"))] {
        let event = json!({ "type": kind, "payload": payload });
        post(&context, &format!("/jobs/{id}/events"), &event);
    }
    job_snapshot!(context, ["events", &id], @r#"
        exit: 0
        ----- stdout -----
        NO  TYPE    AT                    BY  PAYLOAD
        ---------------------------------------------
        1   note    [TIMESTAMP]  -   {"a":1}
        2   answer  [TIMESTAMP]  -   "yes"
        ----- stderr -----
        "#);
    job_snapshot!(context, ["events", &id, "--after", "1", "--type", "note,answer"], @r#"
        exit: 0
        ----- stdout -----
        NO  TYPE    AT                    BY  PAYLOAD
        ---------------------------------------------
        2   answer  [TIMESTAMP]  -   "yes"
        ----- stderr -----
        "#);
    job_snapshot!(context, ["events", NOBODY], @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: job not found: [JOB]
        Hint: `meshctl job list` shows the jobs that the registry knows
        ");
}

#[test]
fn without_a_registry_there_are_no_jobs_to_tell_of() {
    let context = test_context!();
    let command = |context: &TestContext| {
        let mut command = context.meshctl();
        command.args(["job", "status", NOBODY, "--exit-code"]);
        command.args(["--registry-url", "http://127.0.0.1:1"]);
        command
    };
    mesh_snapshot!(context, command(&context), @r"
        exit: 4
        ----- stdout -----
        ----- stderr -----
        Error: failed to reach the registry at `http://127.0.0.1:1`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        ");
}
