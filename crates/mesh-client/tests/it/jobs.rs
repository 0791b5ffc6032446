//! The registry's jobs.

use std::time::Duration;

use mesh_client::{
    ClientError, ClientOptions, JobCall, JobEventQuery, JobQuery, JobWait, RegistryClient,
};
use mesh_core::wire::{
    CancelRequest, ClaimRequest, Delta, DeltaRequest, JobEventRequest, JobRequest, JobStatus,
    ReleaseRequest,
};
use mesh_test::{Script, ScriptedServer};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

const JOB: &str = r#"{"id":"j-1","capability":"render","owner_instance_id":"w-1","claim_epoch":1,
    "recv_cursor":{"":5},"status":"completed","progress":1,"progress_message":null,
    "result":{"n":3},"error":null,"submitted_payload":{"n":3},"attempt_count":1,"max_retries":1,
    "max_duration":null,"total_deadline":null,"lease_expires_at":1790000300,
    "last_heartbeat_at":1790000000,"submitted_at":1789999990,"submitted_by":"me","extra":1}"#;

fn client(server: &ScriptedServer) -> RegistryClient {
    RegistryClient::new(&server.url(), ClientOptions::default()).expect("a URL")
}

/// What the last request was: its line and its body.
fn last(server: &ScriptedServer) -> (String, Value) {
    let requests = server.requests();
    let request = requests.last().expect("a request");
    let body = serde_json::from_str(&request.text()).unwrap_or(Value::Null);
    (format!("{} {}", request.method, request.path), body)
}

#[tokio::test]
async fn a_worker_claims_reports_and_gives_back() {
    let server = ScriptedServer::start(|request| match request.path.as_str() {
        "/jobs" => Script::json(r#"{"id":"j-1","status":"working","owner_instance_id":null}"#),
        "/jobs/claim" => Script::json(
            r#"{"claimed":[{"id":"j-1","attempt_count":1,"claim_epoch":1,
                "submitted_payload":{"n":3},"max_duration":null,"lease_expires_at":1,
                "recv_cursor":null}]}"#,
        ),
        "/jobs/batch" => {
            Script::json(r#"{"accepted":1,"rejected":[{"id":"x","reason":"not_found"}]}"#)
        }
        _ => Script::json(r#"{"status":"working","attempt_count":1}"#),
    });
    let client = client(&server);
    let job = JobRequest {
        capability: "render".to_owned(),
        submitted_payload: Some(to_raw_value(&json!({ "n": 3 })).expect("JSON")),
        submitted_by: "me".to_owned(),
        ..JobRequest::default()
    };
    let created = client.create_job(&job).await.expect("a job");
    assert_eq!(
        (created.id.as_str(), created.status),
        ("j-1", JobStatus::Working)
    );
    let sent = json!({ "capability": "render", "submitted_payload": { "n": 3 },
        "submitted_by": "me" });
    assert_eq!(last(&server), ("POST /jobs".to_owned(), sent));

    let claim = ClaimRequest {
        capability: "render".to_owned(),
        instance_id: "w-1".to_owned(),
        wait: None,
    };
    let claimed = client.claim_job(&claim).await.expect("an answer");
    let claimed = claimed.expect("a job");
    assert_eq!((claimed.id.as_str(), claimed.claim_epoch), ("j-1", 1));
    assert_eq!(claimed.submitted_payload.get(), r#"{"n":3}"#);

    let report = DeltaRequest {
        instance_id: "w-1".to_owned(),
        deltas: vec![Delta {
            id: "j-1".to_owned(),
            claim_epoch: Some(1),
            progress: Some(0.5),
            ..Delta::default()
        }],
    };
    let answer = client.report_jobs(&report).await.expect("an answer");
    assert_eq!(answer.accepted, 1);
    assert_eq!(answer.rejected[0].reason, "not_found");
    let sent = json!({ "instance_id": "w-1",
        "deltas": [{ "id": "j-1", "claim_epoch": 1, "progress": 0.5 }] });
    assert_eq!(last(&server), ("POST /jobs/batch".to_owned(), sent));

    let release = ReleaseRequest {
        instance_id: "w-1".to_owned(),
        claim_epoch: Some(1),
        reason: None,
    };
    let released = client
        .release_job("j-1", &release)
        .await
        .expect("an answer");
    assert_eq!(released.attempt_count, 1);
    assert_eq!(last(&server).0, "POST /jobs/j-1/release");
}

#[tokio::test]
async fn nothing_to_claim_is_said_in_two_ways() {
    for script in [|| Script::json(r#"{"claimed":[]}"#), || Script::status(204)] {
        let server = ScriptedServer::start(move |_| script());
        let claimed = client(&server).claim_job(&ClaimRequest::default()).await;
        assert!(claimed.expect("an answer").is_none());
    }
}

#[tokio::test]
async fn an_operator_looks_and_intervenes() {
    let server = ScriptedServer::start(|request| match request.path.as_str() {
        "/jobs/j-1" => Script::json(JOB),
        "/jobs/j-1/cancel" => {
            Script::json(r#"{"status":"cancelled","forwarded_to_instance_id":"w-1"}"#)
        }
        "/jobs/j-1/reclaim" => Script::json(
            r#"{"status":"working","previous_owner_instance_id":"w-1","claim_epoch":1}"#,
        ),
        "/admin/drain" => Script::json(r#"{"draining":true,"live_claims":3}"#),
        _ => Script::json(format!(r#"{{"jobs":[{JOB}],"next_cursor":"c"}}"#)),
    });
    let client = client(&server);
    let job = client.job("j-1").await.expect("a job");
    assert_eq!(job.result.expect("a result").get(), r#"{"n":3}"#);
    assert_eq!(job.recv_cursor.expect("a cursor")[""], 5);

    let query = JobQuery {
        statuses: vec![JobStatus::Working, JobStatus::Failed],
        capability: Some("a b".to_owned()),
        limit: Some(2),
        cursor: Some("c".to_owned()),
        ..JobQuery::default()
    };
    let list = client.jobs(&query).await.expect("a list");
    assert_eq!(
        (list.jobs.len(), list.next_cursor.as_deref()),
        (1, Some("c"))
    );
    assert_eq!(
        last(&server).0,
        "GET /jobs?status=working%2Cfailed&capability=a+b&limit=2&cursor=c"
    );

    let cancel = CancelRequest {
        reason: Some("late".to_owned()),
    };
    let answer = client.cancel_job("j-1", &cancel).await.expect("an answer");
    assert_eq!(answer.forwarded_to_instance_id.as_deref(), Some("w-1"));
    assert_eq!(last(&server).1, json!({ "reason": "late" }));
    let answer = client.reclaim_job("j-1").await.expect("an answer");
    assert_eq!(answer.claim_epoch, 1);

    assert_eq!(
        client.drain_report().await.expect("a report").live_claims,
        3
    );
    for (draining, method) in [(true, "POST"), (false, "DELETE")] {
        client.set_draining(draining).await.expect("a report");
        assert_eq!(last(&server).0, format!("{method} /admin/drain"));
    }
}

#[tokio::test]
async fn events_are_posted_and_waited_for_beyond_the_usual_timeout() {
    let server = ScriptedServer::start(|request| {
        if request.method == "POST" {
            return Script::json(r#"{"job_id":"j-1","seq":1,"created_at":1790000000}"#);
        }
        let event = r#"{"events":[{"job_id":"j-1","seq":4,"type":"go","payload":[1],
            "trace_context":null,"posted_by":null,"created_at":1790000000}],"next_after":4}"#;
        let late = Script::default().pause(Duration::from_millis(300));
        late.then(Script::json(event))
    });
    let event = JobEventRequest {
        kind: "go".to_owned(),
        payload: Some(to_raw_value(&[1]).expect("JSON")),
        trace_context: None,
    };
    let posted = client(&server).append_job_event("j-1", &event).await;
    assert_eq!(posted.expect("an answer").seq, 1);
    assert_eq!(last(&server).1, json!({ "type": "go", "payload": [1] }));

    let options = ClientOptions {
        timeout: Duration::from_millis(100),
        ..ClientOptions::default()
    };
    let client = RegistryClient::new(&server.url(), options).expect("a URL");
    let query = JobEventQuery {
        after: 3,
        kinds: vec!["go".to_owned(), "stop".to_owned()],
        wait: Duration::from_secs(5),
        executor: Some(("w-1".to_owned(), 2)),
        ..JobEventQuery::default()
    };
    let list = client.job_events("j-1", &query).await.expect("events");
    assert_eq!((list.events[0].kind.as_str(), list.next_after), ("go", 4));
    assert_eq!(
        last(&server).0,
        "GET /jobs/j-1/events?after=3&wait=5&types=go%2Cstop&instance_id=w-1&claim_epoch=2"
    );
}

#[tokio::test]
async fn work_and_outcomes_are_waited_for_beyond_the_usual_timeout() {
    let server = ScriptedServer::start(|request| {
        let answer = match request.method.as_str() {
            "POST" => r#"{"claimed":[]}"#,
            _ => JOB,
        };
        let late = Script::default().pause(Duration::from_millis(300));
        late.then(Script::json(answer))
    });
    let options = ClientOptions {
        timeout: Duration::from_millis(100),
        ..ClientOptions::default()
    };
    let client = RegistryClient::new(&server.url(), options).expect("a URL");
    let claim = ClaimRequest {
        capability: "render".to_owned(),
        instance_id: "w-1".to_owned(),
        wait: Some(5),
    };
    assert!(client.claim_job(&claim).await.expect("an answer").is_none());
    let sent = json!({ "capability": "render", "instance_id": "w-1", "wait": 5 });
    assert_eq!(last(&server), ("POST /jobs/claim".to_owned(), sent));

    let until = JobWait {
        known: JobStatus::InputRequired,
        wait: Duration::from_millis(1500),
    };
    let job = client.await_job("j-1", &until).await.expect("a job");
    assert_eq!(job.status, JobStatus::Completed);
    assert_eq!(last(&server).0, "GET /jobs/j-1?wait=2&known=input_required");
    let error = client.job("j-1").await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn what_another_registry_says_is_handed_on_as_it_is() {
    let server = ScriptedServer::start(|request| match request.path.as_str() {
        "/jobs/j-1" => Script::json(r#"{"id":"j-1", "newer":1}"#),
        "/jobs/claim" => Script::status(204),
        "/jobs/batch" => Script::body(200, "text/html", "<p>"),
        _ => Script::body(409, "application/json", r#"{"error":"claim_superseded"}"#),
    });
    let client = client(&server);
    let ask = async |call: JobCall| client.ask_about_jobs(&call).await;
    let job = ask(JobCall::read("j-1", &JobWait::default())).await;
    assert_eq!(
        job.expect("an answer").expect("a body").get(),
        r#"{"id":"j-1", "newer":1}"#
    );
    let claimed = ask(JobCall::claim(&ClaimRequest::default())).await;
    assert!(claimed.expect("an answer").is_none());
    let report = ask(JobCall::report(&DeltaRequest::default())).await;
    assert!(matches!(report, Err(ClientError::Malformed { .. })));
    let events = ask(JobCall::events("j-1", &JobEventQuery::default())).await;
    assert!(events.unwrap_err().is_claim_superseded(), "without a time");
}

#[tokio::test]
async fn a_lost_claim_is_told_from_other_conflicts() {
    for (error, is_superseded) in [
        ("claim_superseded", true),
        ("job is already in a terminal state", false),
    ] {
        let body = json!({ "error": error, "timestamp": "2026-01-02T03:04:05Z" }).to_string();
        let server =
            ScriptedServer::start(move |_| Script::body(409, "application/json", body.as_str()));
        let query = JobEventQuery::default();
        let refusal = client(&server).job_events("j-1", &query).await.unwrap_err();
        assert_eq!(refusal.is_claim_superseded(), is_superseded, "{error}");
        assert!(!refusal.is_transient());
    }
}
