//! Keeps an agent registered.
//!
//! One future at a time: the next request, asleep until it is due. A command drops it, changes the
//! plan, and the loop starts the next one; so nothing that the registry does, or fails to do, can
//! delay a command.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mesh_client::{ClientError, Ping, PingVerdict, RegistryClient, describe};
use mesh_core::wire::{Answer, AnswerStatus, Registration};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout};

use crate::agent::Stopped;
use crate::backoff::{OUTAGE_CAP, REFUSAL_CAP, pause};
use crate::shared::Shared;
use crate::{AgentState, Health};

/// A ping is answered from memory; one that takes longer is lost.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// After so many failed pings the agent registers again, in case the registry has forgotten how to
/// say that it does not know it.
const PINGS_BEFORE_REGISTERING: u32 = 4;
/// How long an agent whose handles were all dropped tries to leave.
const LAST_PATIENCE: Duration = Duration::from_millis(250);

/// What other threads ask of the heartbeat.
pub(crate) enum Command {
    /// The agent is described anew.
    Replace(Box<Registration>),
    /// The agent's verdict on itself changed.
    Judge(Health),
    /// Leave the mesh, within this time.
    Stop(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Register,
    Ping,
}

enum Outcome {
    Registered(Result<Answer, ClientError>),
    Pinged(Result<Ping, ClientError>),
}

/// The agent's side of the registration.
pub(crate) struct Heartbeat {
    client: Option<RegistryClient>,
    shared: Arc<Shared>,
    commands: UnboundedReceiver<Command>,
    interval: Duration,
    registration: Registration,
    health: Health,
    body: Bytes,
    /// The health that the registry was told last.
    announced: Option<Health>,
    step: Step,
    due: Instant,
    failures: u32,
    /// A registration was sent, so there is something to leave.
    was_sent: bool,
}

impl Heartbeat {
    /// `client` is absent for an agent that works without a registry.
    pub(crate) fn new(
        client: Option<RegistryClient>,
        shared: Arc<Shared>,
        commands: UnboundedReceiver<Command>,
        interval: Duration,
        registration: Registration,
    ) -> Self {
        let health = registration.status.as_deref().and_then(Health::parse);
        let mut heartbeat = Self {
            client,
            shared,
            commands,
            interval,
            registration,
            health: health.unwrap_or_default(),
            body: Bytes::new(),
            announced: None,
            step: Step::Register,
            due: Instant::now(),
            failures: 0,
            was_sent: false,
        };
        heartbeat.write_body();
        if heartbeat.is_withdrawn() {
            heartbeat.set_state(AgentState::Withdrawn);
        }
        heartbeat
    }

    /// Runs until it is told to stop, then leaves the mesh.
    pub(crate) async fn run(mut self) -> Stopped {
        let patience = loop {
            let is_silent = self.is_withdrawn();
            let Some(client) = self.client.as_ref().filter(|_| !is_silent) else {
                match self.commands.recv().await {
                    Some(Command::Stop(patience)) => break patience,
                    Some(command) => self.obey(command),
                    None => break LAST_PATIENCE,
                }
                continue;
            };
            self.was_sent |= self.step == Step::Register;
            let request = request(
                client,
                self.step,
                self.due,
                &self.registration.agent_id,
                self.body.clone(),
            );
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Stop(patience)) => break patience,
                    Some(command) => self.obey(command),
                    None => break LAST_PATIENCE,
                },
                outcome = request => match outcome {
                    Outcome::Registered(answer) => self.on_answer(answer),
                    Outcome::Pinged(ping) => self.on_ping(ping),
                },
            }
        };
        self.leave(patience).await
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Replace(registration) => {
                self.shared.redeclare(&self.registration, &registration);
                self.registration = *registration;
                self.write_body();
                self.plan(Step::Register, Duration::ZERO);
            }
            Command::Judge(health) => self.judge(health),
            Command::Stop(_) => {} // Ends the loop that calls this.
        }
    }

    fn judge(&mut self, health: Health) {
        if health == self.health {
            return;
        }
        let was_withdrawn = self.is_withdrawn();
        self.health = health;
        self.write_body();
        if self.is_withdrawn() {
            self.set_state(AgentState::Withdrawn);
            return;
        }
        if was_withdrawn {
            self.set_state(match self.announced {
                Some(_) => AgentState::Registered,
                None => AgentState::Starting,
            });
        }
        // A ping carries no health: it is enough only when the registry was told the same before.
        let step = if self.announced == Some(health) {
            Step::Ping
        } else {
            Step::Register
        };
        self.failures = 0;
        self.plan(step, Duration::ZERO);
    }

    fn on_answer(&mut self, answer: Result<Answer, ClientError>) {
        match answer {
            Ok(answer) if answer.status == AnswerStatus::Success => {
                for warning in &answer.warnings {
                    tracing::warn!(agent.id = %self.registration.agent_id, %warning, "registration was changed");
                }
                self.failures = 0;
                self.announced = Some(self.health);
                self.plan(Step::Ping, self.interval);
                // Wiring first: whoever sees the agent registered finds it wired.
                self.shared.publish(answer);
                self.set_state(AgentState::Registered);
            }
            Ok(answer) => self.on_refusal(answer.message),
            Err(error @ ClientError::Refused { .. }) if !error.is_transient() => {
                self.on_refusal(describe(&error));
            }
            Err(error) => self.on_outage(Step::Register, &error),
        }
    }

    fn on_ping(&mut self, ping: Result<Ping, ClientError>) {
        match ping.map(|ping| ping.verdict) {
            Ok(PingVerdict::Current) => {
                self.failures = 0;
                self.plan(Step::Ping, self.interval);
                self.set_state(AgentState::Registered);
            }
            Ok(PingVerdict::Changed | PingVerdict::Unknown) => {
                self.failures = 0;
                self.plan(Step::Register, Duration::ZERO);
            }
            Err(error) => {
                let step = if self.failures + 1 < PINGS_BEFORE_REGISTERING {
                    Step::Ping
                } else {
                    Step::Register
                };
                self.on_outage(step, &error);
            }
        }
    }

    fn on_refusal(&mut self, message: String) {
        tracing::warn!(agent.id = %self.registration.agent_id, %message, "registration was refused");
        self.failures += 1;
        self.plan(Step::Register, pause(self.failures, REFUSAL_CAP));
        self.set_state(AgentState::Rejected { message });
    }

    fn on_outage(&mut self, step: Step, error: &ClientError) {
        self.failures += 1;
        self.plan(step, pause(self.failures, OUTAGE_CAP));
        self.set_state(AgentState::Reconnecting {
            error: describe(error),
        });
    }

    fn plan(&mut self, step: Step, after: Duration) {
        self.step = step;
        self.due = Instant::now() + after;
    }

    fn is_withdrawn(&self) -> bool {
        self.health == Health::Unhealthy
    }

    fn set_state(&self, state: AgentState) {
        // Without a registry there is nothing to be registered with or withdrawn from.
        if self.client.is_some() {
            self.shared.status.set(state);
        }
    }

    fn write_body(&mut self) {
        self.registration.status = Some(self.health.as_str().to_owned());
        self.body = serde_json::to_vec(&self.registration)
            .expect("texts and raw JSON can always be written")
            .into();
    }

    async fn leave(self, patience: Duration) -> Stopped {
        let Some(client) = self.client.filter(|_| self.was_sent) else {
            return Stopped::NothingToLeave;
        };
        match timeout(patience, client.leave(&self.registration.agent_id)).await {
            Ok(Ok(())) => Stopped::Left,
            Ok(Err(error)) => Stopped::Unheard(describe(&error)),
            Err(_) => Stopped::Unheard(format!(
                "the registry at `{}` did not answer within {patience:?}",
                client.base()
            )),
        }
    }
}

async fn request(
    client: &RegistryClient,
    step: Step,
    due: Instant,
    agent_id: &str,
    body: Bytes,
) -> Outcome {
    sleep_until(due).await;
    match step {
        Step::Register => Outcome::Registered(client.register_raw(body).await),
        Step::Ping => {
            let ping = timeout(PING_TIMEOUT, client.ping(agent_id)).await;
            Outcome::Pinged(ping.unwrap_or_else(|_| {
                Err(ClientError::Timeout {
                    url: client.base().to_owned(),
                    timeout: PING_TIMEOUT,
                })
            }))
        }
    }
}
