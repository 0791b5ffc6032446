//! Leaving, going silent, coming back, and what survives a restart.

use std::time::Duration;

use serde_json::json;

use crate::registry::{Registry, consumer, provider};

const SILENCE: Duration = Duration::from_secs(21);

async fn wired_pair() -> Registry {
    let registry = Registry::new().await;
    registry.register(&provider("clock-1", &["time"])).await;
    registry
        .register(&consumer("report-1", &json!([{ "capability": "time" }])))
        .await;
    registry
}

async fn status_of(registry: &Registry, id: &str) -> String {
    let list = registry.get("/agents").await;
    let agents = list["agents"].as_array().expect("a list of agents");
    let agent = agents.iter().find(|agent| agent["id"] == id);
    agent
        .map_or("absent", |agent| {
            agent["status"].as_str().expect("a status")
        })
        .to_owned()
}

#[tokio::test]
async fn a_goodbye_unwires_consumers_and_keeps_the_agent_listed() {
    let registry = wired_pair().await;
    assert_eq!(registry.leave("clock-1").await, 204);
    assert_eq!(registry.leave("clock-1").await, 204, "twice is no error");
    assert_eq!(registry.leave("nobody").await, 204);
    assert_eq!(registry.ping("clock-1").await, 410);
    assert_eq!(registry.ping("report-1").await, 202);
    assert_eq!(status_of(&registry, "clock-1").await, "unhealthy");
    let needs = json!([{ "capability": "time" }]);
    let answer = registry.register(&consumer("report-1", &needs)).await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["status"],
        "unresolved"
    );
}

#[tokio::test]
async fn silence_makes_unhealthy_and_a_registration_heals() {
    let registry = wired_pair().await;
    registry.clock.advance(Duration::from_secs(15));
    assert_eq!(registry.ping("report-1").await, 200);
    registry.clock.advance(Duration::from_secs(6));
    registry.app.age_silent_agents().await;
    assert_eq!(status_of(&registry, "clock-1").await, "unhealthy");
    assert_eq!(
        status_of(&registry, "report-1").await,
        "healthy",
        "its ping kept it"
    );
    assert_eq!(
        registry.ping("clock-1").await,
        410,
        "a ping does not revive"
    );
    assert_eq!(registry.ping("report-1").await, 202);

    let answer = registry.register(&provider("clock-1", &["time"])).await;
    assert_eq!(answer["message"], "Agent updated via heartbeat");
    let needs = json!([{ "capability": "time" }]);
    let answer = registry.register(&consumer("report-1", &needs)).await;
    assert_eq!(
        answer["dependencies_resolved"]["use"][0]["agent_id"],
        "clock-1"
    );
}

#[tokio::test]
async fn the_sweep_forgets_who_is_gone_for_an_hour() {
    let registry = wired_pair().await;
    registry.leave("clock-1").await;
    registry.clock.advance(Duration::from_mins(59));
    registry.ping("report-1").await;
    registry.app.sweep().await;
    assert_eq!(status_of(&registry, "clock-1").await, "unhealthy");
    registry.clock.advance(Duration::from_mins(2));
    registry.app.sweep().await;
    assert_eq!(status_of(&registry, "clock-1").await, "absent");
    assert_eq!(
        status_of(&registry, "report-1").await,
        "healthy",
        "a healthy agent is not swept"
    );
    let events = registry.get("/events?agent_id=clock-1").await;
    assert_eq!(events["count"], 2, "what happened stays known");
}

#[tokio::test]
async fn events_tell_the_story_newest_first() {
    let registry = wired_pair().await;
    registry
        .register(&json!({ "agent_id": "api-1", "agent_type": "api" }))
        .await;
    registry.clock.advance(Duration::from_secs(1));
    registry.leave("clock-1").await;
    registry.clock.advance(Duration::from_secs(1));
    registry.register(&provider("clock-1", &["time"])).await;
    registry.clock.advance(SILENCE);
    registry.app.age_silent_agents().await;
    let events = registry.get("/events?agent_id=clock-1&limit=9").await;
    let story: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| format!("{} {}", event["event_type"], event["data"]["reason"]))
        .collect();
    assert_eq!(
        story,
        [
            r#""unhealthy" "health_degradation""#,
            r#""register" "recovery""#,
            r#""unregister" "graceful_shutdown""#,
            r#""register" null"#,
        ]
    );
    assert_eq!(events["events"][0]["agent_name"], "clock-1");
    assert_eq!(
        registry.get("/events?agent_id=api-1").await["count"],
        0,
        "gateways make none"
    );
    assert_eq!(registry.get("/events?type=unregister").await["count"], 1);
    assert_eq!(
        registry.get("/events?type=no_such_type").await["events"],
        json!([])
    );
    assert_eq!(registry.get("/events?limit=1").await["count"], 1);
}

#[tokio::test]
async fn a_restart_changes_nothing_for_those_who_kept_beating() {
    let registry = wired_pair().await;
    registry
        .register(&consumer("late-1", &json!([{ "capability": "soon" }])))
        .await;
    registry.register(&provider("soon-1", &["soon"])).await;
    let before = registry.get("/agents").await["agents"].clone();
    let registry = registry.restart(Duration::from_secs(3)).await;
    assert_eq!(registry.get("/agents").await["agents"], before);
    assert_eq!(
        registry.ping("report-1").await,
        200,
        "it has its answer already"
    );
    assert_eq!(registry.ping("late-1").await, 202, "it has not");
}

#[tokio::test]
async fn after_a_crash_an_answer_that_was_not_fetched_is_not_taken_for_fetched() {
    let registry = wired_pair().await;
    let need = consumer("report-1", &json!([{ "capability": "time" }]));
    let registry = registry.restart(Duration::from_secs(1)).await;
    assert_eq!(registry.leave("clock-1").await, 204);
    registry.register(&need).await;
    assert_eq!(registry.ping("report-1").await, 200);
    registry.register(&provider("clock-1", &["time"])).await;
    // The answer is the one that was stored in order, but not the one that the agent holds.
    let registry = registry.crash().await;
    assert_eq!(registry.ping("report-1").await, 202);
    registry.register(&need).await;
    assert_eq!(registry.ping("report-1").await, 200);
}

#[tokio::test]
async fn a_restart_after_a_long_pause_trusts_nobody() {
    let registry = wired_pair().await.restart(Duration::from_secs(31)).await;
    assert_eq!(registry.ping("clock-1").await, 410);
    assert_eq!(registry.ping("report-1").await, 410);
    let events = registry.get("/events?type=unhealthy").await;
    assert_eq!(events["count"], 2);
    assert_eq!(events["events"][0]["data"]["reason"], "stale_on_startup");
    assert_eq!(events["events"][0]["data"]["threshold_seconds"], 30);
}
