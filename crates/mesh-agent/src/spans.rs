//! Publishes spans of traces to a Redis stream, from a thread of its own.
//!
//! A trace is worth less than the call that it tells of: whoever publishes never waits. What does not fit
//! the queue, or comes while Redis is away, is dropped and counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use mesh_core::wire::TRACE_STREAM;
use parking_lot::Mutex;
use redis::{Client, Connection, ConnectionLike, RedisError};

use crate::StartError;

/// How many spans may wait.
const QUEUE: usize = 1024;
/// How many spans are sent at once.
const BATCH: usize = 64;
/// What a connection, or one answer, may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long after one attempt to connect the next is made.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// The fields of one span, in the order in which they are written.
pub type Span = Vec<(String, String)>;

/// Publishes spans. Dropping it stops it without waiting.
pub struct SpanPublisher {
    /// Gone when the publisher was stopped.
    queue: ArcSwapOption<SyncSender<Span>>,
    counts: Arc<Counts>,
    /// Told when the thread has ended.
    end: Mutex<Option<Receiver<()>>>,
}

#[derive(Debug, Default)]
struct Counts {
    published: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn drop_spans(&self, spans: usize) {
        add(&self.dropped, spans);
    }
}

fn add(count: &AtomicU64, spans: usize) {
    count.fetch_add(u64::try_from(spans).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl fmt::Debug for SpanPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanPublisher")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl SpanPublisher {
    /// Starts the thread, which connects to the Redis at `url` by itself. The stream is cut to about
    /// `max_length` entries; zero keeps all.
    pub fn start(url: &str, max_length: u64) -> Result<Self, StartError> {
        let client = Client::open(url).map_err(|error| StartError::Redis {
            url: without_password(url),
            reason: error.to_string(),
        })?;
        let (queue, spans) = sync_channel(QUEUE);
        let (ended, end) = channel();
        let counts = Arc::new(Counts::default());
        let outlet = Outlet {
            client,
            label: without_password(url),
            max_length,
            counts: Arc::clone(&counts),
            connection: None,
            tried: None,
            is_away: false,
        };
        thread::Builder::new()
            .name("mesh-spans".to_owned())
            .spawn(move || {
                outlet.run(&spans);
                let _nobody_waits = ended.send(());
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            queue: ArcSwapOption::from_pointee(queue),
            counts,
            end: Mutex::new(Some(end)),
        })
    }

    /// Publishes a span, or drops it. Never waits.
    pub fn publish(&self, span: Span) {
        let sent = match &*self.queue.load() {
            Some(queue) => queue.try_send(span),
            None => Err(TrySendError::Disconnected(span)),
        };
        if sent.is_err() {
            self.counts.drop_spans(1);
        }
    }

    /// How many spans Redis has taken.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.counts.published.load(Ordering::Relaxed)
    }

    /// How many spans were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Takes no more spans and waits up to `patience` until those that wait are published. A second
    /// stop does nothing.
    pub fn stop(&self, patience: Duration) {
        self.queue.store(None);
        if let Some(end) = self.end.lock().take() {
            // Too late: Redis hangs, and the thread ends when that does.
            let _too_late = end.recv_timeout(patience);
        }
    }
}

/// The thread's side.
struct Outlet {
    client: Client,
    /// The URL, for logs.
    label: String,
    max_length: u64,
    counts: Arc<Counts>,
    connection: Option<Connection>,
    /// When the last attempt to connect was made.
    tried: Option<Instant>,
    /// It was said that Redis is away.
    is_away: bool,
}

impl Outlet {
    /// Runs until nobody can publish any more.
    fn run(mut self, spans: &Receiver<Span>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            self.connect_if_due();
            let first = match self.next_probe() {
                Some(pause) => spans.recv_timeout(pause),
                None => spans.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match first {
                Ok(span) => batch.push(span),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            }
            batch.extend(spans.try_iter().take(BATCH - 1));
            self.write(&batch);
            batch.clear();
        }
    }

    /// How long until the next attempt to connect, if one is to be made.
    fn next_probe(&self) -> Option<Duration> {
        if self.connection.is_some() {
            return None;
        }
        let since = self.tried.map_or(PROBE_EVERY, |tried| tried.elapsed());
        Some(PROBE_EVERY.saturating_sub(since))
    }

    fn connect_if_due(&mut self) {
        if self.next_probe() != Some(Duration::ZERO) {
            return;
        }
        self.tried = Some(Instant::now());
        match self.connect() {
            Ok(connection) => {
                self.connection = Some(connection);
            }
            Err(error) => self.lose(&error),
        }
    }

    fn connect(&self) -> Result<Connection, RedisError> {
        let mut connection = self.client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        redis::cmd("PING").exec(&mut connection)?;
        Ok(connection)
    }

    fn write(&mut self, batch: &[Span]) {
        let Some(connection) = &mut self.connection else {
            self.counts.drop_spans(batch.len());
            return;
        };
        let mut pipeline = redis::pipe();
        for span in batch {
            let command = pipeline.cmd("XADD").arg(TRACE_STREAM);
            if self.max_length > 0 {
                command.arg("MAXLEN").arg("~").arg(self.max_length);
            }
            command.arg("*").arg(span).ignore();
        }
        match pipeline.exec(connection) {
            Ok(()) => {
                add(&self.counts.published, batch.len());
                if std::mem::take(&mut self.is_away) {
                    tracing::info!(url = self.label, "spans are published again");
                }
            }
            Err(error) => {
                let is_open = connection.is_open() && !error.is_io_error();
                self.counts.drop_spans(batch.len());
                self.lose(&error);
                if !is_open {
                    self.connection = None;
                }
            }
        }
    }

    /// Says that spans are lost, once per outage.
    fn lose(&mut self, error: &RedisError) {
        if !std::mem::replace(&mut self.is_away, true) {
            tracing::warn!(url = self.label, %error, "spans are dropped until Redis takes them");
        }
    }
}

/// `url` as logs may have it.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // A password may hold an at sign; a host may not.
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_have_no_password() {
        for (url, expected) in [
            ("redis://h:1/0", "redis://h:1/0"),
            ("redis://:a@b@h:1", "redis://***@h:1"),
            ("rediss://user:pass@h", "rediss://***@h"),
            ("unix:/x", "unix:/x"),
        ] {
            assert_eq!(without_password(url), expected);
        }
    }
}
