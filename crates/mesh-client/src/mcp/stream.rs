//! Calls of tools that say things before they end.

use std::collections::VecDeque;
use std::fmt;

use reqwest::Response;

use super::caller::Reply;
use super::error::CallError;
use super::exchange::{Exchange, answer_in, drain, is_event_stream};
use super::message;
use crate::sse::EventStream;

/// What a streaming tool says next.
#[derive(Debug)]
pub enum Said {
    /// A piece of its text.
    Chunk(String),
    /// Its result; nothing follows.
    End(Reply),
}

/// A call under way; dropping it closes its connection.
pub struct ToolStream {
    exchange: Exchange,
    /// Gone when nothing more is to be read.
    response: Option<Response>,
    events: EventStream,
    /// What arrived and was not handed out yet.
    ready: VecDeque<Result<Said, CallError>>,
}

impl fmt::Debug for ToolStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolStream")
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}

impl ToolStream {
    /// A server that does not stream says its result at once.
    pub(super) async fn open(exchange: Exchange, response: Response) -> Result<Self, CallError> {
        let mut stream = Self {
            exchange,
            response: None,
            events: EventStream::default(),
            ready: VecDeque::new(),
        };
        if is_event_stream(&response) {
            stream.response = Some(response);
        } else {
            let reading = stream.exchange.read(response);
            let reply = stream.exchange.in_time(reading).await?;
            stream.ready.push_back(Ok(Said::End(reply)));
        }
        Ok(stream)
    }

    /// Waits for what comes next; `None` behind the end and behind an error. The call's time is for
    /// each event anew, as long as somebody waits for it: a comment is none, for a server that hangs
    /// may go on sending those.
    pub async fn next(&mut self) -> Result<Option<Said>, CallError> {
        self.exchange.renew();
        loop {
            if let Some(said) = self.ready.pop_front() {
                return said.map(Some);
            }
            let Some(mut response) = self.response.take() else {
                return Ok(None);
            };
            let chunk = self.exchange.chunk(&mut response);
            match self.exchange.in_time(chunk).await {
                Ok(Some(bytes)) => {
                    if self.take(&bytes)? {
                        drain(response);
                    } else {
                        self.response = Some(response);
                    }
                }
                Ok(None) => self.end(),
                Err(_) if self.events.timed_out() => return Err(self.exchange.timeout()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads events; says whether the result was among them.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, CallError> {
        let (ready, mut heard) = (&mut self.ready, false);
        let answer = self.events.push(bytes, |event| {
            heard = true;
            let answer = answer_in(event);
            if answer.is_none()
                && let Some(text) = message::progress(event.data)
            {
                ready.push_back(Ok(Said::Chunk(text)));
            }
            answer
        });
        if heard {
            self.exchange.renew();
        }
        if answer.is_some() {
            let reply = self.exchange.conclude(answer, &self.events);
            self.ready.push_back(reply.map(Said::End));
            return Ok(true);
        }
        self.exchange.check_size(self.events.held())?;
        Ok(false)
    }

    /// Reads the event that the stream's orderly end completes, which must be the result.
    fn end(&mut self) {
        let answer = self.events.finish(answer_in);
        let reply = self.exchange.conclude(answer, &self.events);
        self.ready.push_back(reply.map(Said::End));
    }
}
