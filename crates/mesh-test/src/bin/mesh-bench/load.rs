//! The load generator: a fixed number of kept connections on one thread, each of which sends its
//! next request when its last one was answered.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use mesh_test::CpuTime;
use mesh_test::http1::AnswerParser;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
    /// From the first byte sent to the last byte received, shortest first.
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
        let index = (self.latencies.len() * percent).div_ceil(100).max(1) - 1;
        self.latencies.get(index).copied().unwrap_or_default()
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
            let stream = TcpStream::connect(load.address).await?;
            stream.set_nodelay(true)?;
            connections.push(stream);
        }
        let before = CpuTime::of(load.pid)?;
        let start = Instant::now();
        shared.deadline.set(start + load.limit);
        try_join_all(
            connections
                .into_iter()
                .map(|stream| converse(stream, &shared, load.requests)),
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
    latencies.sort_unstable();
    Ok(Outcome {
        answered: answers.len(),
        statuses,
        latencies,
        wall,
        cpu,
    })
}

async fn converse(
    mut stream: TcpStream,
    shared: &Shared<'_>,
    requests: usize,
) -> anyhow::Result<()> {
    let mut parser = AnswerParser::default();
    let mut request = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let number = shared.next.get();
        let start = Instant::now();
        if number >= requests || start > shared.deadline.get() {
            return Ok(());
        }
        shared.next.set(number + 1);
        request.clear();
        (shared.prepare.borrow_mut())(number, &mut request);
        let sent = Instant::now();
        stream.write_all(&request).await?;
        parser.expect(request.starts_with(b"HEAD "));
        let status = loop {
            let read = stream.read(&mut chunk).await?;
            if read == 0 {
                bail!("the server closed the connection instead of answering request {number}");
            }
            if let Some(status) = parser
                .push(&chunk[..read])
                .with_context(|| format!("failed to read the answer to request {number}"))?
            {
                break status;
            }
        };
        (shared.inspect.borrow_mut())(number, parser.body());
        shared
            .answers
            .borrow_mut()
            .push((number, status, sent.elapsed()));
    }
}
