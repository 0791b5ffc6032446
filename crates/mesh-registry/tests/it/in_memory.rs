//! A registry without a socket.

use axum::http::{Method, StatusCode};
use mesh_core::wire::{ClaimRequest, JobRequest, JobStatus};
use mesh_registry::InMemory;
use serde_json::{Value, json};

use crate::registry::{consumer, provider};

#[test]
fn a_registry_in_memory_wires_and_keeps_jobs() {
    let registry = InMemory::start().expect("it starts");
    let post = |body: &Value| {
        let answer = registry.ask(Method::POST, "/heartbeat", &body.to_string());
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_slice::<Value>(&answer.body).expect("the answer is JSON")
    };
    post(&provider("p-1", &["date"]));
    let answer = post(&consumer("c-1", &json!([{ "capability": "date" }])));
    assert_eq!(answer["dependencies_resolved"]["use"][0]["agent_id"], "p-1");
    let left = registry.ask(Method::DELETE, "/agents/p-1", "");
    assert_eq!(left.status, StatusCode::NO_CONTENT);

    let client = registry.client();
    registry.runtime().block_on(async {
        let job: JobRequest = serde_json::from_value(
            json!({ "capability": "slow", "submitted_by": "me", "submitted_payload": {} }),
        )
        .unwrap();
        let job = client.create_job(&job).await.expect("the job is kept");
        let claim = ClaimRequest {
            capability: "slow".to_owned(),
            instance_id: "w-1".to_owned(),
            wait: None,
        };
        let claimed = client.claim_job(&claim).await.unwrap();
        assert_eq!(claimed.expect("a job waits").id, job.id);
        assert_eq!(
            client.job(&job.id).await.unwrap().status,
            JobStatus::Working
        );
        let refusal = client.job("nobody").await.unwrap_err().to_string();
        assert!(refusal.contains("job not found"), "{refusal}");
    });
    drop(registry);
}
