//! What a body may weigh, however it arrives.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::stream;
use serde_json::json;

use crate::registry::{Registry, Reply, provider};

/// Every route that reads a body.
const ROUTES: [&str; 8] = [
    "/heartbeat",
    "/jobs",
    "/jobs/claim",
    "/jobs/batch",
    "/jobs/no-such-job/cancel",
    "/jobs/no-such-job/release",
    "/jobs/no-such-job/events",
    "/proxy/127.0.0.1:9001/mcp",
];
/// What arrives at once.
const PIECE: usize = 64 << 10;

/// `size` bytes in pieces, their length not announced.
fn pieces(size: usize) -> Body {
    let piece = Bytes::from(vec![b' '; PIECE]);
    let rest = size % PIECE;
    let whole = (0..size / PIECE).map({
        let piece = piece.clone();
        move |_| piece.clone()
    });
    let all = whole.chain((rest > 0).then(|| piece.slice(..rest)));
    Body::from_stream(stream::iter(all.map(Ok::<_, Infallible>)))
}

/// `size` bytes whose length is known before the first.
fn whole(size: usize) -> Body {
    Body::from(vec![b' '; size])
}

async fn post(registry: &Registry, path: &str, body: Body) -> Reply {
    let request = Request::post(path).body(body).expect("a request");
    registry.send_request(request).await
}

async fn registry_with(environment: &[(&'static str, &str)]) -> Registry {
    let registry = Registry::with(environment).await;
    registry.register(&provider("a-1", &["a"])).await; // Nobody listens at its port.
    registry
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_by_every_route_however_it_comes() {
    let registry = registry_with(&[("MCP_MESH_MAX_REQUEST_BODY_BYTES", "1000")]).await;
    for path in ROUTES {
        for body in [whole(1001), pieces(1001)] {
            let reply = post(&registry, path, body).await;
            assert_eq!(reply.status, 413, "{path}: {}", reply.text);
            let answer = reply.json();
            assert_eq!(answer["error"], "the request body exceeds 1000 bytes");
            let hint = "the limit is set by `MCP_MESH_MAX_REQUEST_BODY_BYTES`";
            assert_eq!(answer["hint"], hint, "{path}");
        }
        for body in [whole(1000), pieces(1000)] {
            let reply = post(&registry, path, body).await;
            assert_ne!(reply.status, 413, "{path}: a thousand is not beyond it");
        }
    }
}

#[tokio::test]
async fn the_limit_is_ten_megabytes_unless_told_otherwise() {
    let registry = registry_with(&[]).await;
    let limit = 10 << 20;
    for body in [whole(limit + 1), pieces(limit + 1)] {
        let reply = post(&registry, "/heartbeat", body).await;
        assert_eq!(reply.status, 413);
        let error = "the request body exceeds 10485760 bytes";
        assert_eq!(reply.json()["error"], error);
    }
    for body in [whole(limit), pieces(limit)] {
        let reply = post(&registry, "/heartbeat", body).await;
        assert_eq!(reply.status, 400, "it was read, and was no registration");
    }
}

#[tokio::test]
async fn zero_lifts_the_limit() {
    let registry = registry_with(&[("MCP_MESH_MAX_REQUEST_BODY_BYTES", "0")]).await;
    let mut large = provider("large-1", &["large"]);
    large["tools"][0]["description"] = json!("x".repeat(11 << 20));
    registry.register(&large).await;
    assert_eq!(registry.ping("large-1").await, 200);
}
