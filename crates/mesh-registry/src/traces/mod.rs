//! Traces, from the spans that agents publish to a stream in Redis.
//!
//! Nothing is kept here and nothing is taken from the stream: whoever asks for a trace has the stream read
//! backwards. [`stream`] speaks to Redis, [`span`] reads what agents of all languages write, [`assembly`]
//! makes a trace of it.

mod assembly;
mod redis_url;
mod span;
mod stream;

pub use redis_url::RedisUrl;
pub(crate) use stream::ReadError;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_core::wire::{SpanStream, TRACE_STREAM, TraceInfo};
use tokio::sync::Mutex;

use self::stream::{End, Found, SEARCHED, Stream};

/// How long one request may take, waiting for its turn included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the stream is searched; what was found until then is the answer.
const SEARCH: Duration = Duration::from_secs(6);

/// Where traces are looked up. One request at a time has the connection; it is made when it is needed.
#[derive(Debug)]
pub(crate) struct Traces {
    address: String,
    stream: Arc<Mutex<Stream>>,
}

impl Traces {
    /// Touches no network.
    pub(crate) fn new(url: &RedisUrl) -> Self {
        Self {
            address: url.address(),
            stream: Arc::new(Mutex::new(Stream::new(url))),
        }
    }

    /// The trace with that id, none if Redis has no span of it.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<TraceInfo>, ReadError> {
        let wanted = id.to_owned();
        let search = move |stream: &mut Stream| stream.find(&wanted, Instant::now() + SEARCH);
        let Found { spans, end } = self.read(search).await?;
        if end == End::Late && spans.is_empty() {
            return Err(ReadError::Slow);
        }
        Ok(assembly::assemble(id, spans, end == End::Whole))
    }

    /// Where spans are read from, and whether they can be.
    pub(crate) async fn source(&self) -> (SpanStream, Option<ReadError>) {
        let length = self.read(Stream::length).await;
        let source = SpanStream {
            stream_name: TRACE_STREAM.to_owned(),
            connection_state: match length {
                Ok(_) => "connected".to_owned(),
                Err(_) => "disconnected".to_owned(),
            },
            stream_length: length.as_ref().ok().copied(),
            searched: SEARCHED,
        };
        (source, length.err())
    }

    /// Has a thread do the blocking `work`. Whoever waits too long is told so; the thread ends by itself.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Stream) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let stream = Arc::clone(&self.stream);
        let reading = async {
            let mut stream = stream.lock_owned().await;
            tokio::task::spawn_blocking(move || work(&mut stream)).await
        };
        let outcome = match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ReadError::Broken), // It panicked, and the log has it.
            Err(_) => Err(ReadError::Slow),
        };
        if let Err(error) = &outcome {
            tracing::warn!(redis = self.address, %error, "spans not read");
        }
        outcome
    }
}
