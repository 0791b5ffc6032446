//! The stream in Redis, read backwards over one blocking connection.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};

use mesh_core::Hint;
use mesh_core::env::EnvVars;
use mesh_core::wire::{SpanInfo, TRACE_STREAM};
use redis::{Client, Cmd, Connection, ErrorKind, FromRedisValue, RedisError};

use super::redis_url::RedisUrl;
use super::span;

/// How many spans of all traces, the newest, are looked through.
pub(super) const SEARCHED: usize = 100_000;
/// How many of them come at once.
const BATCH: usize = 1_000;
/// How many spans of one trace are told of.
const MOST_SPANS: usize = 10_000;
/// By how much the clock of Redis may run ahead of an agent's.
const SKEW: Duration = Duration::from_mins(1);
/// What a connection, or one answer, may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why nothing was read. What Redis itself says stays out: it may name users.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is no connection, or it broke.
    #[error("Redis, which holds the spans, does not answer: {0}")]
    Away(String),
    /// Redis answers, with an error of that name.
    #[error("Redis, which holds the spans, answers with the error {0}")]
    Refused(String),
    /// It took too long.
    #[error("Redis, which holds the spans, takes too long")]
    Slow,
    /// The reader has a defect.
    #[error("the spans cannot be read")]
    Broken,
}

impl Hint for ReadError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        let redis = EnvVars::REDIS_URL;
        Some(match self {
            Self::Away(_) => format!(
                "start Redis, or set `{redis}` of the registry and the agents to where it is"
            )
            .into(),
            Self::Refused(_) => {
                format!("see that the user in `{redis}` of the registry may read `{TRACE_STREAM}`")
                    .into()
            }
            Self::Slow => "try again when Redis has less to do".into(),
            Self::Broken => "the registry's log says more".into(),
        })
    }
}

impl From<RedisError> for ReadError {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            // The client has read what Redis calls it.
            ErrorKind::AuthenticationFailed => Self::Refused("WRONGPASS".to_owned()),
            ErrorKind::Io if error.is_timeout() => Self::Slow,
            ErrorKind::Io => Self::Away(error.to_string()),
            _ => Self::Refused(error.code().unwrap_or(error.category()).to_owned()),
        }
    }
}

/// What was found of a trace.
pub(super) struct Found {
    pub(super) spans: Vec<SpanInfo>,
    pub(super) end: End,
}

/// What ended a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There is no more of the trace.
    Whole,
    /// What is older is not looked through, or more than is told of.
    Enough,
    /// It had taken too long.
    Late,
}

/// An entry: its id, then names and values of fields in turn.
type Entry = (String, Vec<Vec<u8>>);

pub(super) struct Stream {
    client: Client,
    /// None before the first question, and after an error.
    connection: Option<Connection>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("is_connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

impl Stream {
    pub(super) fn new(url: &RedisUrl) -> Self {
        Self {
            client: url.client(),
            connection: None,
        }
    }

    /// How many spans there are, of all traces.
    pub(super) fn length(&mut self) -> Result<u64, ReadError> {
        self.ask(redis::cmd("XLEN").arg(TRACE_STREAM))
    }

    /// The newest spans of the trace `id`; the search ends at `deadline`.
    pub(super) fn find(&mut self, id: &str, deadline: Instant) -> Result<Found, ReadError> {
        let mut spans = Vec::new();
        let mut newest = "+".to_owned();
        let mut end = End::Enough;
        for _ in 0..SEARCHED / BATCH {
            let entries: Vec<Entry> = self.ask(
                redis::cmd("XREVRANGE")
                    .arg(&[TRACE_STREAM, &newest, "-", "COUNT"])
                    .arg(BATCH),
            )?;
            let found = entries
                .iter()
                .filter(|(_, fields)| span::is_of_trace(fields, id));
            spans.extend(found.map(|(entry, fields)| span::read(fields, milliseconds(entry))));
            let oldest = entries.last().filter(|_| entries.len() == BATCH);
            let Some((oldest, next)) = oldest.and_then(|(id, _)| Some((id, before(id)?))) else {
                end = End::Whole;
                break;
            };
            if is_before(milliseconds(oldest), &spans) {
                end = End::Whole;
                break;
            }
            if spans.len() >= MOST_SPANS {
                spans.truncate(MOST_SPANS);
                break;
            }
            if Instant::now() >= deadline {
                end = End::Late;
                break;
            }
            newest = next;
        }
        Ok(Found { spans, end })
    }

    /// Asks over the connection that is there, and over a new one if that broke meanwhile.
    fn ask<T: FromRedisValue>(&mut self, question: &Cmd) -> Result<T, ReadError> {
        if let Some(mut connection) = self.connection.take() {
            match question.query(&mut connection) {
                Ok(answer) => {
                    self.connection = Some(connection);
                    return Ok(answer);
                }
                // An answer that comes late would be taken for that to the next question.
                Err(error) if error.is_timeout() || error.code().is_some() => {
                    return Err(error.into());
                }
                Err(_) => {} // Redis was restarted, perhaps.
            }
        }
        let mut connection = self.client.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        let answer = question.query(&mut connection)?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

/// Whether that millisecond lies before the trace: nothing is published before its root begins. Without a
/// root nobody knows.
fn is_before(millisecond: Option<u64>, spans: &[SpanInfo]) -> bool {
    let has_root = spans.iter().any(|span| span.parent_span.is_none());
    let start = spans.iter().map(|span| span.start_time).min();
    let (Some(millisecond), Some(start), true) = (millisecond, start, has_root) else {
        return false;
    };
    u64::try_from(start.before(SKEW).as_nanos()).is_ok_and(|start| millisecond < start / 1_000_000)
}

/// When an entry was added, in milliseconds since the epoch.
fn milliseconds(entry: &str) -> Option<u64> {
    entry.split_once('-')?.0.parse().ok()
}

/// The id just below `entry`. Redis can leave an end out itself since 6.2 only.
fn before(entry: &str) -> Option<String> {
    let (time, number) = entry.split_once('-')?;
    let (time, number): (u64, u64) = (time.parse().ok()?, number.parse().ok()?);
    match number.checked_sub(1) {
        Some(number) => Some(format!("{time}-{number}")),
        None => Some(format!("{}-{}", time.checked_sub(1)?, u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::Timestamp;

    use super::*;

    #[test]
    fn ids_are_counted_down_to_before_the_trace() {
        assert_eq!(before("5-2").as_deref(), Some("5-1"));
        assert_eq!(before("5-0").as_deref(), Some("4-18446744073709551615"));
        assert_eq!(before("0-0"), None);
        let span = |second, parent: Option<&str>| SpanInfo {
            start_time: Timestamp::from_seconds(second),
            parent_span: parent.map(str::to_owned),
            ..SpanInfo::default()
        };
        let trace = [span(1_000, None), span(1_001, Some("a"))];
        assert!(is_before(Some(939_999), &trace));
        assert!(!is_before(Some(940_000), &trace));
        assert!(!is_before(Some(0), &trace[1..]));
        assert_eq!(milliseconds("1795329671293-0"), Some(1_795_329_671_293));
    }
}
