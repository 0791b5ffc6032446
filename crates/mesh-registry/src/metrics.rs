//! What the registry counts of itself, for `GET /metrics`.
//!
//! A metric is a field here, registered under its name in [`Metrics::new`]; whoever counts holds the
//! field and never a name. What is a property of the mesh is not counted but read when it is asked for.

mod operation;

pub(crate) use operation::StoreOperation;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mesh_core::VERSION;
use mesh_core::wire::AgentStatus;
use mesh_store::StoreError;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::store_health::StoreHealth;
use crate::topology::Mesh;

/// From a ping, which takes microseconds, to a proxied call.
const DURATIONS: [f64; 13] = [
    0.000_05, 0.000_2, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: Requests,
    store: Family<StoreLabels, Histogram, fn() -> Histogram>,
    store_failures: Family<StoreLabels, Counter>,
    store_up: Gauge,
    store_health: Arc<StoreHealth>,
    agents: Family<AgentLabels, Gauge>,
    generation: Gauge,
    /// Watches that are open.
    pub(crate) watches: Gauge,
    /// Answers that watches were sent.
    pub(crate) pushed: Counter,
    waiting: Gauge,
}

impl Metrics {
    pub(crate) fn new(store_health: Arc<StoreHealth>) -> Self {
        let mut registry = Registry::with_prefix("mcp_mesh");
        let build = Info::new([("version", VERSION)]);
        registry.register("build", "The release that runs", build);
        let agents = Family::default();
        registry.register("agents", "Agents by the registry's verdict", agents.clone());
        let generation = Gauge::default();
        registry.register(
            "topology_generation",
            "The number of the newest answer; it grows with every answer that changes",
            generation.clone(),
        );
        let watches = Gauge::default();
        registry.register(
            "watches",
            "Watches that are open: agents that are told of changes the moment they happen",
            watches.clone(),
        );
        let pushed = Counter::default();
        registry.register(
            "watch_answers",
            "Answers that were sent to watches",
            pushed.clone(),
        );
        let waiting = Gauge::default();
        registry.register(
            "waiting_reads",
            "Requests that wait for news of a job, or for work",
            waiting.clone(),
        );
        let store: Family<_, _, fn() -> Histogram> = Family::new_with_constructor(durations);
        registry.register_with_unit(
            "store_operation_duration",
            "What operations of the store took",
            Unit::Seconds,
            store.clone(),
        );
        let store_failures: Family<_, Counter> = Family::default();
        registry.register(
            "store_failures",
            "Operations of the store that failed",
            store_failures.clone(),
        );
        let store_up = Gauge::default();
        registry.register(
            "store_up",
            "1 while the store answers; 0 while pings and registrations are answered with 503",
            store_up.clone(),
        );
        for &operation in StoreOperation::ALL {
            // So that a first failure is seen as a rise from nothing.
            store_failures.get_or_create_owned(&StoreLabels { operation });
        }
        Self {
            requests: Requests::new(&mut registry),
            registry,
            store,
            store_failures,
            store_up,
            store_health,
            agents,
            generation,
            watches,
            pushed,
            waiting,
        }
    }

    /// Counts `work`, which asks the store, has the outcome learned and passes it on.
    pub(crate) async fn store<T>(
        &self,
        operation: StoreOperation,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let asked = self.store_health.ask();
        let started = Instant::now();
        let outcome = work.await;
        self.store_health
            .learn(asked, operation, outcome.as_ref().err());
        let labels = StoreLabels { operation };
        self.store
            .get_or_create(&labels)
            .observe(started.elapsed().as_secs_f64());
        if outcome.is_err() {
            self.store_failures.get_or_create(&labels).inc();
        }
        outcome
    }

    /// Everything as OpenMetrics text, which Prometheus reads. `waiting` is how many requests wait for
    /// events.
    pub(crate) fn render(&self, mesh: &Mesh, waiting: usize) -> String {
        for &status in AgentStatus::ALL {
            let count = mesh.agents().filter(|agent| agent.status == status).count();
            self.agents
                .get_or_create(&AgentLabels {
                    status: Name(status.as_str()),
                })
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.store_up.set(i64::from(!self.store_health.is_down()));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.generation
            .set(i64::try_from(mesh.generation()).unwrap_or(i64::MAX));
        let mut text = String::with_capacity(16 << 10);
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

/// A label's value that the program names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name(&'static str);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AgentLabels {
    status: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    operation: StoreOperation,
}

/// The methods that routes have; the others are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Method {
    Get,
    Head,
    Post,
    Delete,
    Other,
}

impl Method {
    const COUNT: usize = 5;

    fn of(method: &axum::http::Method) -> Self {
        match *method {
            axum::http::Method::GET => Self::Get,
            axum::http::Method::HEAD => Self::Head,
            axum::http::Method::POST => Self::Post,
            axum::http::Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }
}

impl EncodeLabelValue for Method {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let name = match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Other => "other",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: Method,
    route: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: Method,
    route: Arc<str>,
    status: u16,
}

/// The statuses that the registry answers by itself; others come through the proxy.
const STATUSES: [u16; 16] = [
    200, 202, 410, 201, 204, 301, 307, 400, 403, 404, 408, 409, 413, 500, 502, 503,
];

type Meters = [HashMap<Arc<str>, Arc<RouteMeter>>; Method::COUNT];

/// Requests by route, method and status. A route's counters are looked up once and kept, so that
/// counting a ping costs a few additions.
#[derive(Debug)]
pub(crate) struct Requests {
    counts: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    meters: ArcSwap<Meters>,
}

impl Requests {
    fn new(registry: &mut Registry) -> Self {
        let counts = Family::default();
        registry.register(
            "http_requests",
            "Requests that were answered",
            counts.clone(),
        );
        let durations: Family<_, _, fn() -> Histogram> = Family::new_with_constructor(durations);
        registry.register_with_unit(
            "http_request_duration",
            "The time until an answer began",
            Unit::Seconds,
            durations.clone(),
        );
        Self {
            counts,
            durations,
            meters: ArcSwap::default(),
        }
    }

    /// The meter of `route`, a pattern such as `/agents/{agent_id}`: there are as many as routes.
    pub(crate) fn meter(&self, method: &axum::http::Method, route: &str) -> Arc<RouteMeter> {
        let method = Method::of(method);
        if let Some(meter) = self.meters.load()[method as usize].get(route) {
            return meter.clone();
        }
        let route: Arc<str> = route.into();
        let labels = RouteLabels {
            method,
            route: route.clone(),
        };
        let meter = Arc::new(RouteMeter {
            durations: self.durations.get_or_create_owned(&labels),
            counts: Default::default(),
            family: self.counts.clone(),
            labels,
        });
        // Of two that come at once, one is kept; both count in the same family.
        self.meters.rcu(|meters| {
            let mut meters = Meters::clone(meters);
            meters[method as usize].insert(route.clone(), meter.clone());
            meters
        });
        meter
    }
}

/// The counters of one route and method.
#[derive(Debug)]
pub(crate) struct RouteMeter {
    labels: RouteLabels,
    durations: Histogram,
    counts: [OnceLock<Counter>; STATUSES.len()],
    family: Family<RequestLabels, Counter>,
}

impl RouteMeter {
    /// Counts an answer with `status` that took `elapsed`.
    pub(crate) fn record(&self, status: u16, elapsed: Duration) {
        self.durations.observe(elapsed.as_secs_f64());
        match STATUSES.iter().position(|&known| known == status) {
            Some(position) => {
                self.counts[position]
                    .get_or_init(|| self.family.get_or_create_owned(&self.labels(status)))
                    .inc();
            }
            None => {
                self.family.get_or_create(&self.labels(status)).inc();
            }
        }
    }

    fn labels(&self, status: u16) -> RequestLabels {
        RequestLabels {
            method: self.labels.method,
            route: self.labels.route.clone(),
            status,
        }
    }
}
