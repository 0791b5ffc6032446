//! `GET /metrics`, and the layer that counts every request for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::openapi::Describe;
use crate::App;
use crate::metrics::{Metrics, RouteMeter};

/// What [`Metrics::render`] writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Where requests are counted that no route serves.
const NO_ROUTE: &str = "none";

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new().api_route(
        "/metrics",
        get_with(metrics, |operation| {
            operation
                .tag("service")
                .summary("What the registry counts of itself, for Prometheus")
                .answers_text(200, "application/openmetrics-text", "OpenMetrics 1.0")
        }),
    )
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.render(&app.mesh.load(), app.waiting_reads());
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
}

/// Counts what passes, by route.
#[derive(Debug, Clone)]
pub(super) struct Count(pub(super) Arc<Metrics>);

impl<S> Layer<S> for Count {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            metrics: self.0.clone(),
        }
    }
}

/// A service whose answers are counted.
#[derive(Debug, Clone)]
pub(super) struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Counted<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Counting<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or(NO_ROUTE, MatchedPath::as_str);
        let meter = self.metrics.requests.meter(request.method(), route);
        Counting {
            started: Instant::now(),
            meter,
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// An answer in the making. Whoever hangs up before it is there is not counted.
    pub(super) struct Counting<F> {
        #[pin]
        inner: F,
        meter: Arc<RouteMeter>,
        started: Instant,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for Counting<F> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.inner.poll(context));
        if let Ok(response) = &outcome {
            this.meter
                .record(response.status().as_u16(), this.started.elapsed());
        }
        Poll::Ready(outcome)
    }
}
