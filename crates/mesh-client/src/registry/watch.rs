//! `GET /agents/{agent_id}/watch`: the registry tells an agent of a new answer the moment there is one.

use std::fmt;
use std::time::Duration;

use mesh_core::wire::Answer;
use reqwest::{Method, Response, header};
use tokio::time::{Instant, timeout_at};

use super::{NamedAnswer, RegistryClient, decode};
use crate::ClientError;
use crate::sse::EventStream;
use crate::transport::join;

/// A stream that brings nothing for so long, not even a comment, is dead: the registry comments every
/// five seconds.
const SILENCE: Duration = Duration::from_secs(20);

/// What a watch brought.
#[derive(Debug, Clone)]
pub enum Watched {
    /// The agent's whole answer, newer than all before.
    Answer(Box<NamedAnswer>),
    /// The agent left or was given up: it must register again. Nothing follows.
    Gone,
}

/// An open watch; dropping it closes it.
pub struct AnswerStream {
    url: String,
    max_event: usize,
    response: Response,
    events: EventStream,
    /// What arrived last and was not handed out yet. What is older does not matter any more.
    newest: Option<Newest>,
    heard: Instant,
}

enum Newest {
    Answer { id: Option<String>, json: Vec<u8> },
    Gone,
}

impl fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl RegistryClient {
    /// `GET /agents/{agent_id}/watch`. The current answer comes first, unless it is the one called
    /// `held`. A registry without watches refuses with 404.
    pub async fn watch(
        &self,
        agent_id: &str,
        held: Option<&str>,
    ) -> Result<AnswerStream, ClientError> {
        let url = join(&self.base, &["agents", agent_id, "watch"]);
        let mut request = self.request(Method::GET, &url)?;
        if let Some(held) = held {
            request = request.header("last-event-id", held);
        }
        let response = self.open(request).await?;
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if !is_stream {
            return Err(ClientError::Malformed {
                url: url.into(),
                reason: "it is no stream of events".to_owned(),
            });
        }
        Ok(AnswerStream {
            url: url.into(),
            max_event: self.options.max_body,
            response,
            events: EventStream::default(),
            newest: None,
            heard: Instant::now(),
        })
    }
}

impl AnswerStream {
    /// Waits for the next answer; `None` when the registry ended the stream. Nothing is lost when this
    /// is dropped before it is done.
    pub async fn next(&mut self) -> Result<Option<Watched>, ClientError> {
        loop {
            match self.newest.take() {
                Some(Newest::Answer { id, json }) => {
                    let answer: Answer = decode(&self.url, &json)?;
                    let named = Box::new(NamedAnswer { id, answer });
                    return Ok(Some(Watched::Answer(named)));
                }
                Some(Newest::Gone) => return Ok(Some(Watched::Gone)),
                None => {}
            }
            let chunk = timeout_at(self.heard + SILENCE, self.response.chunk()).await;
            let chunk = chunk.map_err(|_| ClientError::Timeout {
                url: self.url.clone(),
                timeout: SILENCE,
            })?;
            let chunk = chunk.map_err(|error| ClientError::Unreachable {
                url: self.url.clone(),
                source: error.without_url(), // The message names it already.
            })?;
            let Some(chunk) = chunk else {
                return Ok(None); // An event that was begun and not ended is none.
            };
            self.heard = Instant::now();
            self.take(&chunk)?;
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let Self { events, newest, .. } = self;
        events.push(bytes, |event| -> Option<()> {
            match event.name {
                b"answer" => {
                    let id = std::str::from_utf8(event.id)
                        .ok()
                        .filter(|id| !id.is_empty());
                    *newest = Some(Newest::Answer {
                        id: id.map(str::to_owned),
                        json: event.data.to_vec(),
                    });
                }
                b"gone" => *newest = Some(Newest::Gone),
                // What a later registry may have to say.
                _ => {}
            }
            None
        });
        if events.held() > self.max_event {
            return Err(ClientError::Malformed {
                url: self.url.clone(),
                reason: format!("an event is longer than {} bytes", self.max_event),
            });
        }
        Ok(())
    }
}
