//! `POST /heartbeat`: any body, to a whole registry on a database in memory.

#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use mesh_client::Forwarder;
use mesh_core::{Clock, Timestamp};
use mesh_registry::cli::Args;
use mesh_registry::{App, Settings};
use mesh_store::Store;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Longer than every retention.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// One registry for all inputs; each input finds it empty.
struct Registry {
    runtime: Runtime,
    app: Arc<App>,
    clock: Clock,
    router: Router,
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let clock = Clock::fixed(Timestamp::from_seconds(1_790_000_000));
    let app = runtime.block_on(async {
        let environment = [("DATABASE_URL", ":memory:".to_owned())]
            .into_iter()
            .collect();
        let settings = Settings::resolve(Args::default(), &environment, Path::new("/"))
            .expect("good settings");
        let (store, _) = Store::open(&settings.database, &settings.store, &clock)
            .await
            .expect("a database in memory");
        App::open(settings, store, clock.clone(), Forwarder::new(None))
            .await
            .expect("an empty registry")
            .0
    });
    let router = mesh_registry::app(app.clone());
    Registry {
        runtime,
        app,
        clock,
        router,
    }
});

impl Registry {
    async fn send(&self, method: Method, path: &str, body: &[u8]) -> (StatusCode, Vec<u8>) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::from(body.to_vec()));
        let response = self
            .router
            .clone()
            .oneshot(request.expect("a good request"))
            .await
            .expect("a router never fails");
        let status = response.status();
        (
            status,
            response
                .into_body()
                .collect()
                .await
                .expect("a whole answer")
                .to_bytes()
                .into(),
        )
    }

    async fn register(&self, body: &[u8]) -> Option<(String, Value)> {
        let (status, answer) = self.send(Method::POST, "/heartbeat", body).await;
        let answer: Value = serde_json::from_slice(&answer).expect("every answer is JSON");
        if status != StatusCode::OK {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
            assert!(answer["error"].is_string(), "{answer}");
            return None;
        }
        let id = answer["agent_id"].as_str().expect("an id").to_owned();
        match answer["status"].as_str() {
            Some("success") => Some((id, answer)),
            Some("error") => {
                assert!(answer["message"].is_string(), "{answer}");
                None
            }
            _ => panic!("{answer}"),
        }
    }

    async fn try_body(&self, body: &[u8]) {
        if let Some((id, first)) = self.register(body).await {
            let (_, second) = self
                .register(body)
                .await
                .expect("what was taken once is taken again");
            for member in ["dependencies_resolved", "llm_tools", "llm_providers"] {
                assert_eq!(
                    first[member], second[member],
                    "the same body has the same answer"
                );
            }
            let (status, listing) = self.send(Method::GET, "/agents", b"").await;
            assert_eq!(status, StatusCode::OK);
            let listing: Value = serde_json::from_slice(&listing).expect("a listing is JSON");
            assert_eq!(listing["count"], 1, "{listing}");
            let (status, _) = self
                .send(Method::HEAD, &format!("/heartbeat/{id}"), b"")
                .await;
            assert_eq!(
                status,
                StatusCode::OK,
                "who has just been answered has nothing to fetch"
            );
            let (status, _) = self
                .send(Method::DELETE, &format!("/agents/{id}"), b"")
                .await;
            assert_eq!(status, StatusCode::NO_CONTENT);
            self.clock.advance(LONG);
            self.app.sweep().await;
        }
    }
}

fuzz_target!(|body: &[u8]| {
    REGISTRY.runtime.block_on(REGISTRY.try_body(body));
});
