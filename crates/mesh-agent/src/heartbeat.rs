//! Keeps an agent registered.
//!
//! One request at a time, asleep until it is due. A command drops it, changes the plan, and the loop
//! starts the next one; so nothing that the registry does, or fails to do, can delay a command. Beside
//! it the watch is listened to, which neither delays a request nor keeps one from being sent.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use mesh_client::{ClientError, NamedAnswer, Ping, PingVerdict, RegistryClient, Watched, describe};
use mesh_core::wire::{AnswerStatus, Registration};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout};

use crate::agent::Stopped;
use crate::backoff::{OUTAGE_CAP, REFUSAL_CAP, pause};
use crate::shared::Shared;
use crate::watch::Watch;
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
    Registered(Result<NamedAnswer, ClientError>),
    Pinged(Result<Ping, ClientError>),
}

/// The agent's side of the registration.
pub(crate) struct Heartbeat {
    client: Option<Arc<RegistryClient>>,
    shared: Arc<Shared>,
    commands: UnboundedReceiver<Command>,
    interval: Duration,
    registration: Registration,
    health: Health,
    body: Bytes,
    /// The health that the registry was told last.
    announced: Option<Health>,
    /// What the registry calls the answer that was applied last.
    held: Option<String>,
    watch: Watch,
    step: Step,
    due: Instant,
    failures: u32,
    /// A registration was sent, so there is something to leave.
    was_sent: bool,
}

impl Heartbeat {
    /// `client` is absent for an agent that works without a registry.
    pub(crate) fn new(
        client: Option<Arc<RegistryClient>>,
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
            held: None,
            watch: Watch::new(),
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
        let patience = 'life: loop {
            let is_silent = self.is_withdrawn();
            let Some(client) = self.client.clone().filter(|_| !is_silent) else {
                self.watch.end();
                match self.commands.recv().await {
                    Some(Command::Stop(patience)) => break patience,
                    Some(command) => self.obey(command),
                    None => break LAST_PATIENCE,
                }
                continue;
            };
            if self.step == Step::Register {
                self.was_sent = true;
                self.watch.end();
            }
            let mut request = pin!(self.request(&client));
            loop {
                tokio::select! {
                    biased;
                    command = self.commands.recv() => match command {
                        Some(Command::Stop(patience)) => break 'life patience,
                        Some(command) => {
                            self.obey(command);
                            break;
                        }
                        None => break 'life LAST_PATIENCE,
                    },
                    outcome = request.as_mut() => {
                        match outcome {
                            Outcome::Registered(answer) => self.on_answer(answer),
                            Outcome::Pinged(ping) => self.on_ping(ping),
                        }
                        break;
                    }
                    pushed = self.watch.next(
                        &client,
                        &self.registration.agent_id,
                        self.held.as_deref(),
                    ) => {
                        self.on_push(pushed);
                        // A request that still sleeps is made anew, for it names the answer. One that
                        // is under way goes on: no number of pushes keeps it from being answered.
                        if self.step == Step::Register || Instant::now() < self.due {
                            break;
                        }
                    }
                }
            }
        };
        self.leave(patience).await
    }

    /// The next request, asleep until it is due.
    fn request(&self, client: &Arc<RegistryClient>) -> impl Future<Output = Outcome> + use<> {
        let client = Arc::clone(client);
        let (step, due, body) = (self.step, self.due, self.body.clone());
        let (agent_id, held) = (self.registration.agent_id.clone(), self.held.clone());
        async move {
            sleep_until(due).await;
            match step {
                Step::Register => Outcome::Registered(client.register_raw(body).await),
                Step::Ping => {
                    let ping = client.ping(&agent_id, held.as_deref());
                    let ping = timeout(PING_TIMEOUT, ping).await;
                    Outcome::Pinged(ping.unwrap_or_else(|_| {
                        Err(ClientError::Timeout {
                            url: client.base().to_owned(),
                            timeout: PING_TIMEOUT,
                        })
                    }))
                }
            }
        }
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

    fn on_answer(&mut self, answer: Result<NamedAnswer, ClientError>) {
        match answer {
            Ok(NamedAnswer { id, answer }) if answer.status == AnswerStatus::Success => {
                for warning in &answer.warnings {
                    tracing::warn!(agent.id = %self.registration.agent_id, %warning, "registration was changed");
                }
                self.failures = 0;
                self.announced = Some(self.health);
                self.plan(Step::Ping, self.interval);
                self.held = id;
                self.watch.begin();
                // Wiring first: whoever sees the agent registered finds it wired.
                self.shared.publish(answer);
                self.set_state(AgentState::Registered);
            }
            Ok(named) => self.on_refusal(named.answer.message),
            Err(error @ ClientError::Refused { .. }) if !error.is_transient() => {
                self.on_refusal(describe(&error));
            }
            Err(error) => self.on_outage(Step::Register, &error),
        }
    }

    fn on_ping(&mut self, ping: Result<Ping, ClientError>) {
        if let Ok(ping) = &ping {
            let pending = &self.shared.pending_jobs;
            pending.store(ping.pending_jobs, Ordering::Relaxed);
        }
        match ping.map(|ping| ping.verdict) {
            Ok(PingVerdict::Current) => {
                self.failures = 0;
                self.plan(Step::Ping, self.interval);
                self.watch.begin(); // It was ended if the agent was silent for a while.
                self.set_state(AgentState::Registered);
            }
            Ok(verdict @ (PingVerdict::Changed | PingVerdict::Unknown)) => {
                if verdict == PingVerdict::Unknown {
                    self.watch.forget_registry();
                }
                self.failures = 0;
                self.plan(Step::Register, Duration::ZERO);
            }
            Err(error) => {
                // A registry whose store does not answer still knows who it knows; registering would but
                // end the watch.
                let is_sick = matches!(error, ClientError::Refused { status: 503, .. });
                let step = if is_sick || self.failures + 1 < PINGS_BEFORE_REGISTERING {
                    Step::Ping
                } else {
                    Step::Register
                };
                self.on_outage(step, &error);
            }
        }
    }

    fn on_push(&mut self, pushed: Watched) {
        match pushed {
            Watched::Answer(named) if named.answer.status == AnswerStatus::Success => {
                self.held = named.id;
                self.shared.publish(named.answer);
            }
            // A registry refuses registrations, and nothing else.
            Watched::Answer(_) => {}
            Watched::Gone => {
                self.failures = 0;
                self.plan(Step::Register, Duration::ZERO);
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
        self.watch.forget_registry();
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
