//! `/admin/rotate`, `/admin/entities`, and where they are served.

use std::fs;

use axum::body::Body;
use axum::http::{Method, Request};
use mesh_core::AgentId;
use mesh_core::wire::AgentStatus;
use mesh_store::AgentRow;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::registry::{Registry, provider};

async fn rotate(registry: &Registry, query: &str) -> Value {
    let path = format!("/admin/rotate{query}");
    let reply = registry.send(Method::POST, &path, Body::empty()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// An agent of `entity`, as a registry with trust would have stored it.
fn agent_of(registry: &Registry, id: &str, entity: &str) -> AgentRow {
    let now = registry.clock.now();
    AgentRow {
        agent_id: AgentId::parse(id).expect("an id"),
        name: id.to_owned(),
        status: AgentStatus::Healthy,
        registration: provider(id, &[id]).to_string(),
        created_at: now,
        last_seen: now,
        entity_id: Some(entity.to_owned()),
        answer_digest: None,
    }
}

#[tokio::test]
async fn a_rotation_asks_every_healthy_agent_once() {
    let registry = Registry::new().await;
    for id in ["a-1", "b-1", "gone-1"] {
        registry.register(&provider(id, &[id])).await;
    }
    registry.leave("gone-1").await;
    let report = rotate(&registry, "").await;
    assert_eq!(
        report,
        json!({ "message": "Rotation triggered for all agents", "affected_agents": 2, "entity_id": "" })
    );
    for id in ["a-1", "b-1"] {
        assert_eq!(registry.ping(id).await, 202, "{id} is asked");
        let answer = registry.register(&provider(id, &[id])).await;
        assert_eq!(answer["message"], "Agent updated via heartbeat");
        assert_eq!(
            registry.ping(id).await,
            200,
            "{id} has answered with one POST"
        );
    }
    assert_eq!(registry.ping("gone-1").await, 410);
    let events = registry.get("/events?type=rotate").await;
    assert_eq!(events["count"], 2);
    let mut agents: Vec<_> = events["events"].as_array().unwrap().iter().collect();
    agents.sort_by_key(|event| event["agent_id"].as_str().unwrap());
    assert_eq!(
        agents[0]["data"],
        json!({ "agent_id": "a-1", "name": "a-1", "entity_id": "", "reason": "cert_rotation" })
    );
}

#[tokio::test]
async fn a_rotation_of_one_entity_leaves_the_others_alone() {
    let registry = Registry::new().await;
    let rows = [
        agent_of(&registry, "ours-1", "ours"),
        agent_of(&registry, "theirs-1", "theirs"),
    ];
    let registry = registry.restart_with(&rows).await;
    for id in ["ours-1", "theirs-1"] {
        registry.register(&provider(id, &[id])).await;
        assert_eq!(registry.ping(id).await, 200);
    }
    let report = rotate(&registry, "?entity_id=theirs").await;
    assert_eq!(report["affected_agents"], 1);
    assert_eq!(report["entity_id"], "theirs");
    assert_eq!(registry.ping("theirs-1").await, 202);
    assert_eq!(registry.ping("ours-1").await, 200);
    assert_eq!(
        rotate(&registry, "?entity_id=nobody").await["affected_agents"],
        0
    );
    assert_eq!(registry.get("/events?type=rotate").await["count"], 1);
}

#[tokio::test]
async fn an_agent_that_holds_its_answer_is_asked_all_the_same() {
    let registry = Registry::new().await;
    let body = provider("a-1", &["a"]).to_string();
    let reply = registry.send(Method::POST, "/heartbeat", body).await;
    let held = &reply.headers["x-mesh-answer"];
    let ping = async || {
        let request = Request::head("/heartbeat/a-1").header("x-mesh-answer", held);
        let request = request.body(Body::empty()).unwrap();
        registry.send_request(request).await.status.as_u16()
    };
    assert_eq!(ping().await, 200);
    rotate(&registry, "").await;
    assert_eq!(ping().await, 202, "the certificate matters, not the answer");
    registry.register(&provider("a-1", &["a"])).await;
    assert_eq!(ping().await, 200);
}

#[tokio::test]
async fn a_rotation_survives_an_orderly_restart() {
    let registry = Registry::new().await;
    registry.register(&provider("a-1", &["a"])).await;
    rotate(&registry, "").await;
    let registry = registry.restart(std::time::Duration::ZERO).await;
    assert_eq!(registry.ping("a-1").await, 202);
}

#[tokio::test]
async fn entities_are_read_from_the_trust_directory() {
    let folder = TempDir::new().unwrap();
    let trust = folder.path().to_str().unwrap();
    let registry = Registry::with(&[("MCP_MESH_TRUST_DIR", trust)]).await;
    let nobody = json!({ "entities": [] });
    assert_eq!(
        registry.get("/admin/entities").await,
        nobody,
        "no folder, nobody"
    );

    let entities = folder.path().join("entities");
    fs::create_dir(&entities).unwrap();
    assert_eq!(registry.get("/admin/entities").await, nobody);
    fs::write(
        entities.join("partner.pem"),
        include_str!("certificates/partner.pem"),
    )
    .unwrap();
    fs::write(entities.join("broken.pem"), "not a certificate").unwrap();
    fs::write(entities.join("notes.txt"), "ignored").unwrap();
    assert_eq!(
        registry.get("/admin/entities").await,
        json!({
            "entities": [{
                "name": "partner",
                "subject": "CN=Partner Root CA,O=Partner Corp",
                "expires": "2036-11-20",
            }],
            "warnings": ["broken.pem: it holds no certificate in PEM form"],
        })
    );
}

#[tokio::test]
async fn a_trust_directory_that_cannot_be_listed_is_an_error_without_its_path() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("entities"), "a file").unwrap();
    let trust = folder.path().to_str().unwrap();
    let registry = Registry::with(&[("MCP_MESH_TRUST_DIR", trust)]).await;
    let reply = registry
        .send(Method::GET, "/admin/entities", Body::empty())
        .await;
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.json()["error"],
        "the folder of trusted entities cannot be read"
    );
    assert!(!reply.text.contains(trust), "{}", reply.text);
}

#[tokio::test]
async fn an_administration_with_its_own_port_is_not_served_to_everybody() {
    let registry = Registry::with(&[("MCP_MESH_ADMIN_PORT", "1")]).await;
    for (method, path) in [
        (Method::GET, "/admin/entities"),
        (Method::POST, "/admin/rotate"),
    ] {
        let reply = registry.send(method, path, Body::empty()).await;
        assert_eq!(
            (reply.status.as_u16(), reply.text.as_str()),
            (404, "404 page not found"),
            "{path}"
        );
    }
}
