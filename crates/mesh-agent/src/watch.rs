//! Hears of a new answer the moment there is one.
//!
//! The watch is open only while no registration is under way: it begins when one was answered, and ends
//! before the next one is sent. So of a pushed answer and one to a registration the younger is always
//! applied last, whatever the network does, and nothing needs to be compared.
//!
//! It is a convenience. The heartbeat goes on beside it, says that the agent is alive and notices
//! whatever a watch missed; so a watch that fails is tried again quietly, and a registry that has none
//! is not asked twice.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mesh_client::{AnswerStream, ClientError, RegistryClient, Watched, describe};
use tokio::time::{Instant, sleep_until};

use crate::backoff::{OUTAGE_CAP, REFUSAL_CAP, pause};

/// A watch that held for so long was a good one: the next attempt after it does not wait longer.
const STEADY: Duration = Duration::from_secs(10);

type Opening = Pin<Box<dyn Future<Output = Result<AnswerStream, ClientError>> + Send>>;

/// The agent's watch, open or not.
pub(crate) struct Watch {
    state: State,
    /// Attempts since a watch held for a while.
    failures: u32,
    /// How often the registry did not know the agent since then.
    given_up: u32,
}

enum State {
    /// Nothing to watch before the next registration was answered.
    Closed,
    /// The registry has no watches.
    Absent,
    /// To be opened then.
    Due(Instant),
    Opening(Opening),
    Open(Box<AnswerStream>, Instant),
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            given_up: 0,
        }
    }

    /// The agent is registered and has its answer: what is pushed from now on is newer.
    pub(crate) fn begin(&mut self) {
        if let State::Closed = self.state {
            // The registry has just answered, so what kept it away is over, and to be given up once is
            // part of its return. But a replica that lags behind may say so right after each
            // registration; it must not be asked again and again without a pause.
            self.failures = self.given_up.saturating_sub(1);
            self.plan(OUTAGE_CAP);
        }
    }

    /// A registration is about to be sent, or the agent wants to be silent.
    pub(crate) fn end(&mut self) {
        match self.state {
            State::Absent => return,
            State::Open(_, since) => self.judge(since),
            _ => {}
        }
        self.state = State::Closed;
    }

    /// The registry was away or has forgotten the agent: whoever answers next may be another one.
    pub(crate) fn forget_registry(&mut self) {
        if let State::Absent = self.state {
            self.state = State::Closed;
        }
    }

    /// Waits for what is pushed next; for ever if nothing can be. `held` names the answer that the
    /// agent has. Nothing is lost when this is dropped before it is done.
    pub(crate) async fn next(
        &mut self,
        client: &Arc<RegistryClient>,
        agent_id: &str,
        held: Option<&str>,
    ) -> Watched {
        loop {
            match &mut self.state {
                State::Closed | State::Absent => std::future::pending().await,
                State::Due(due) => {
                    sleep_until(*due).await;
                    self.state = State::Opening(open(client, agent_id, held));
                }
                State::Opening(opening) => match opening.await {
                    Ok(stream) => self.state = State::Open(Box::new(stream), Instant::now()),
                    Err(ClientError::Refused { status: 410, .. }) => {
                        return self.gone(Instant::now());
                    }
                    Err(error) => self.on_failure(&error),
                },
                State::Open(stream, since) => {
                    let since = *since;
                    match stream.next().await {
                        Ok(Some(Watched::Gone)) => return self.gone(since),
                        Ok(Some(answer)) => return answer,
                        Ok(None) => self.retry(since, OUTAGE_CAP),
                        Err(error) => {
                            tracing::debug!(error = %describe(&error), "watch broke");
                            self.retry(since, OUTAGE_CAP);
                        }
                    }
                }
            }
        }
    }

    fn gone(&mut self, since: Instant) -> Watched {
        self.judge(since);
        self.given_up += 1;
        self.state = State::Closed;
        Watched::Gone
    }

    fn on_failure(&mut self, error: &ClientError) {
        let now = Instant::now();
        match error {
            // Too many at once, or a server in trouble: it will have watches again.
            ClientError::Refused { .. } if error.is_transient() => self.retry(now, REFUSAL_CAP),
            ClientError::Refused { .. } | ClientError::Malformed { .. } => {
                tracing::debug!(error = %describe(error), "no watch; heartbeats will do");
                self.state = State::Absent;
            }
            _ => self.retry(now, OUTAGE_CAP),
        }
    }

    /// Plans the next attempt after a watch that was open `since` then.
    fn retry(&mut self, since: Instant, cap: Duration) {
        self.judge(since);
        self.failures += 1;
        self.plan(cap);
    }

    fn judge(&mut self, since: Instant) {
        if since.elapsed() >= STEADY {
            self.failures = 0;
            self.given_up = 0;
        }
    }

    fn plan(&mut self, cap: Duration) {
        let wait = match self.failures {
            0 => Duration::ZERO,
            failures => pause(failures, cap),
        };
        self.state = State::Due(Instant::now() + wait);
    }
}

fn open(client: &Arc<RegistryClient>, agent_id: &str, held: Option<&str>) -> Opening {
    let client = Arc::clone(client);
    let (agent_id, held) = (agent_id.to_owned(), held.map(str::to_owned));
    Box::pin(async move { client.watch(&agent_id, held.as_deref()).await })
}
