//! The load generator: a fixed number of kept connections on one thread, each of which sends its
//! next request when its last one was answered.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use mesh_test::CpuTime;

use crate::connection::Connection;
use crate::report::percentile;

/// Where a load goes, and its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// The server.
    pub(crate) address: SocketAddr,
    /// Its process, whose processor time is counted.
    pub(crate) pid: u32,
    /// How many connections are kept busy.
    pub(crate) connections: usize,
    /// How many requests are sent in all.
    pub(crate) requests: usize,
    /// No request is sent after this much time.
    pub(crate) limit: Duration,
}

/// What came of a load. Only what was answered counts.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// How many requests were answered.
    pub(crate) answered: usize,
    /// By number of the request: its status, 0 when it was never sent.
    pub(crate) statuses: Vec<u16>,
    /// From the first byte sent to the last byte received.
    pub(crate) latencies: Vec<Duration>,
    /// From the first request to the last answer; connecting is not in it.
    pub(crate) wall: Duration,
    /// The server's processor time meanwhile.
    pub(crate) cpu: Duration,
}

impl Outcome {
    /// The server's processor time per request.
    pub(crate) fn cpu_each(&self) -> Duration {
        self.cpu
            .checked_div(u32::try_from(self.answered).unwrap_or(u32::MAX))
            .unwrap_or_default()
    }

    /// Answers per second.
    #[expect(clippy::cast_precision_loss, reason = "a count of requests fits")]
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.wall.as_secs_f64()
    }

    /// The latency that `percent` of the requests stayed within.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.latencies, percent)
    }

    /// Fails unless every request got one of `statuses`.
    pub(crate) fn demand(&self, statuses: &[u16]) -> anyhow::Result<()> {
        let wrong = |status: &&u16| **status != 0 && !statuses.contains(status);
        match self.statuses.iter().find(wrong) {
            Some(status) => bail!("a request was answered with {status}, not {statuses:?}"),
            None => Ok(()),
        }
    }
}

/// Writes request `number` into the empty buffer.
pub(crate) type Prepare<'a> = &'a mut dyn FnMut(usize, &mut Vec<u8>);
/// Looks at the body of the answer to request `number`.
pub(crate) type Inspect<'a> = &'a mut dyn FnMut(usize, &[u8]);

struct Shared<'a> {
    next: Cell<usize>,
    deadline: Cell<Instant>,
    prepare: RefCell<Prepare<'a>>,
    inspect: RefCell<Inspect<'a>>,
    answers: RefCell<Vec<(usize, u16, Duration)>>,
}

/// Sends the load and waits for the last answer.
pub(crate) fn send(
    load: Load,
    prepare: Prepare<'_>,
    inspect: Inspect<'_>,
) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let shared = Shared {
        next: Cell::new(0),
        deadline: Cell::new(Instant::now()),
        prepare: RefCell::new(prepare),
        inspect: RefCell::new(inspect),
        answers: RefCell::new(Vec::with_capacity(load.requests)),
    };
    let (wall, cpu) = runtime.block_on(async {
        let mut connections = Vec::with_capacity(load.connections);
        for _ in 0..load.connections {
            connections.push(Connection::open(load.address).await?);
        }
        let before = CpuTime::of(load.pid)?;
        let start = Instant::now();
        shared.deadline.set(start + load.limit);
        try_join_all(
            connections
                .into_iter()
                .map(|connection| converse(connection, &shared, load.requests)),
        )
        .await?;
        anyhow::Ok((start.elapsed(), CpuTime::of(load.pid)?.since(&before)))
    })?;
    let answers = shared.answers.into_inner();
    let mut statuses = vec![0; load.requests];
    let mut latencies = Vec::with_capacity(answers.len());
    for (number, status, latency) in &answers {
        statuses[*number] = *status;
        latencies.push(*latency);
    }
    Ok(Outcome {
        answered: answers.len(),
        statuses,
        latencies,
        wall,
        cpu,
    })
}

async fn converse(
    mut connection: Connection,
    shared: &Shared<'_>,
    requests: usize,
) -> anyhow::Result<()> {
    let mut request = Vec::new();
    loop {
        let number = shared.next.get();
        if number >= requests || Instant::now() > shared.deadline.get() {
            return Ok(());
        }
        shared.next.set(number + 1);
        request.clear();
        (shared.prepare.borrow_mut())(number, &mut request);
        let sent = Instant::now();
        let (status, answered) = connection
            .send(&request)
            .await
            .with_context(|| format!("request {number} was not answered"))?;
        (shared.inspect.borrow_mut())(number, connection.body());
        let answer = (number, status, answered.duration_since(sent));
        shared.answers.borrow_mut().push(answer);
    }
}
