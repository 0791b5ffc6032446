//! The handle on a running agent.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc as sync_mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mesh_client::mcp::{CallerOptions, McpCaller, ToolOutcome};
use mesh_client::{ClientOptions, RegistryClient, Tls, TlsFiles};
use mesh_core::wire::Registration;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::call::{Completion, ask, perform};
use crate::heartbeat::{Command, Heartbeat};
use crate::settle::Need;
use crate::shared::Shared;
use crate::{AgentSettings, AgentState, Call, CallError, CallHandle, Health, Jobs, JobsError};
use crate::{CallStream, StartError, Status, Target, Wiring};

/// How much longer than the registry's share a stop may take before the thread is left behind.
const GRACE: Duration = Duration::from_millis(200);

/// How an agent left the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The registry knows.
    Left,
    /// The registry had never been told of the agent.
    NothingToLeave,
    /// The registry could not be told, for this reason; it will notice the silence.
    Unheard(String),
}

/// A running agent. Clones are handles on the same one; dropping the last one stops it.
#[derive(Clone)]
pub struct Agent {
    inner: Arc<Inner>,
}

struct Inner {
    agent_id: String,
    shared: Arc<Shared>,
    /// Absent for an agent that works without a registry.
    client: Option<Arc<RegistryClient>>,
    commands: UnboundedSender<Command>,
    runtime: runtime::Handle,
    caller: McpCaller,
    /// The last verdict that was passed on.
    health: Mutex<Option<Health>>,
    thread: Mutex<Option<Thread>>,
    stopped: Mutex<Option<Stopped>>,
}

struct Thread {
    join: JoinHandle<()>,
    end: sync_mpsc::Receiver<Stopped>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("agent_id", &self.inner.agent_id)
            .field("state", &self.status().state)
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// Starts the runtime's thread, which registers the agent at once, and returns without waiting
    /// for it. A status of `unhealthy` in `registration` starts the agent withdrawn.
    pub fn start(registration: Registration, settings: &AgentSettings) -> Result<Self, StartError> {
        let tls = read_tls(&settings.tls)?;
        let client = if settings.standalone {
            None
        } else {
            Some(connect(&settings.registry_url, tls.clone())?)
        };
        let caller = McpCaller::new(&CallerOptions {
            tls,
            ..CallerOptions::default()
        });
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("mesh-agent-dns")
            .build()
            .map_err(StartError::Thread)?;
        let (commands, received) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(&registration, settings));
        let agent_id = registration.agent_id.clone();
        let handle = runtime.handle().clone();
        let heartbeat = Heartbeat::new(
            client.clone(),
            Arc::clone(&shared),
            received,
            settings.heartbeat_interval,
            registration,
        );
        let (ended, end) = sync_mpsc::channel();
        let join = thread::Builder::new()
            .name("mesh-agent".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                let settle = settings.settle;
                move || {
                    let stopped = run(runtime, heartbeat, &shared, settle);
                    let _nobody_waits = ended.send(stopped);
                }
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            inner: Arc::new(Inner {
                agent_id,
                shared,
                client,
                commands,
                runtime: handle,
                caller,
                health: Mutex::new(None),
                thread: Mutex::new(Some(Thread { join, end })),
                stopped: Mutex::new(None),
            }),
        })
    }

    /// The agent's id.
    #[must_use]
    pub fn agent_id(&self) -> &str {
        &self.inner.agent_id
    }

    /// Where the agent stands with its registry.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.shared.status.read()
    }

    /// The current wiring, all of it.
    #[must_use]
    pub fn wiring(&self) -> Arc<Wiring> {
        self.inner.shared.wiring()
    }

    /// The provider of dependency `index` of `function`, if there is one now. Takes no lock.
    #[must_use]
    pub fn slot(&self, function: &str, index: usize) -> Option<Arc<Target>> {
        self.inner.shared.slot(function, index)
    }

    /// Hands the slot to `done`: at once when it is filled or the settle window is closed, else as
    /// soon as one of these is true. `done` runs on this thread or the runtime's.
    pub fn wait_for_slot<F>(&self, function: &str, index: usize, done: F)
    where
        F: FnOnce(Option<Arc<Target>>) + Send + 'static,
    {
        let need = Need::Slot(function.to_owned(), index);
        let function = function.to_owned();
        let done = move |wiring: &Wiring| done(wiring.slot(&function, index));
        self.inner.shared.wait_for(need, Box::new(done));
    }

    /// Hands the LLM provider of `function` to `done`, like [`Self::wait_for_slot`].
    pub fn wait_for_llm_provider<F>(&self, function: &str, done: F)
    where
        F: FnOnce(Option<Arc<str>>) + Send + 'static,
    {
        let need = Need::LlmProvider(function.to_owned());
        let function = function.to_owned();
        let done = move |wiring: &Wiring| done(wiring.llm_provider(&function));
        self.inner.shared.wait_for(need, Box::new(done));
    }

    /// Describes the agent anew; the registry is told at once. The id stays.
    pub fn replace(&self, mut registration: Registration) {
        registration.agent_id.clone_from(&self.inner.agent_id);
        self.send(Command::Replace(Box::new(registration)));
    }

    /// Takes the agent's verdict on itself. The registry is told at once of a change between healthy
    /// and degraded, and hears nothing at all while the agent is unhealthy.
    pub fn set_health(&self, health: Health) {
        // Verdicts come at every check, changes seldom; a command interrupts the heartbeat.
        if self.inner.health.lock().replace(health) != Some(health) {
            self.send(Command::Judge(health));
        }
    }

    /// Calls another agent. `done` is told exactly once, on the runtime's thread.
    pub fn call<F>(&self, call: Call, done: F) -> CallHandle
    where
        F: FnOnce(Result<ToolOutcome, CallError>) + Send + 'static,
    {
        let caller = self.inner.caller.clone();
        let completion = Completion::new(done);
        let task = self.inner.runtime.spawn(async move {
            let outcome = perform(&caller, call).await;
            completion.finish(outcome);
        });
        CallHandle::new(task.abort_handle())
    }

    /// Calls another agent and waits for the answer. Not for the runtime's own thread.
    pub fn call_blocking(&self, call: Call) -> Result<ToolOutcome, CallError> {
        let (sender, receiver) = sync_mpsc::sync_channel(1);
        self.call(call, move |outcome| {
            let _nobody_waits = sender.send(outcome);
        });
        receiver.recv().unwrap_or(Err(CallError::Cancelled))
    }

    /// Calls another agent's tool that says things before it ends.
    #[must_use]
    pub fn stream(&self, call: Call) -> CallStream {
        CallStream::start(self.inner.caller.clone(), call, &self.inner.runtime)
    }

    /// Asks another agent for an MCP method other than a call, for instance `resources/read`; the
    /// arguments are its parameters. `done` is told exactly once, on the runtime's thread.
    pub fn request<F>(&self, call: Call, method: &str, done: F) -> CallHandle
    where
        F: FnOnce(Result<Box<RawValue>, CallError>) + Send + 'static,
    {
        let caller = self.inner.caller.clone();
        let method = method.to_owned();
        let completion = Completion::new(done);
        let task = self.inner.runtime.spawn(async move {
            completion.finish(ask(&caller, call, method).await);
        });
        CallHandle::new(task.abort_handle())
    }

    /// Asks the agent's registry about jobs; what is under way ends when the agent stops.
    pub fn jobs(&self) -> Result<Jobs, JobsError> {
        let client = self.inner.client.as_ref().ok_or(JobsError::Standalone)?;
        Ok(Jobs::of(Arc::clone(client), self.inner.runtime.clone()))
    }

    /// How many jobs waited for agents of this name when the registry was heard last.
    #[must_use]
    pub fn pending_jobs(&self) -> u32 {
        self.inner.shared.pending_jobs.load(Ordering::Relaxed)
    }

    /// Leaves the mesh: the registry is told within `patience`, calls that are still under way end
    /// with [`CallError::Cancelled`], and the thread ends. A second stop returns what the first did.
    /// Not for the runtime's own thread.
    #[expect(clippy::must_use_candidate, reason = "most callers only want it gone")]
    pub fn stop(&self, patience: Duration) -> Stopped {
        let mut stopped = self.inner.stopped.lock();
        if let Some(stopped) = &*stopped {
            return stopped.clone();
        }
        self.send(Command::Stop(patience));
        let outcome = match self.inner.thread.lock().take() {
            Some(thread) => match thread.end.recv_timeout(patience + GRACE) {
                Ok(outcome) => {
                    let _panicked = thread.join.join();
                    outcome
                }
                // A callback blocks the thread. Waiting longer would pass the fault on.
                Err(error) => Stopped::Unheard(format!("the thread `mesh-agent` hangs: {error}")),
            },
            None => Stopped::NothingToLeave,
        };
        *stopped = Some(outcome.clone());
        outcome
    }

    fn send(&self, command: Command) {
        // The receiver is gone when the agent has stopped; then there is nothing to command.
        let _stopped = self.inner.commands.send(command);
    }
}

/// Reads certificates, if there are any.
pub(crate) fn read_tls(files: &TlsFiles) -> Result<Option<Tls>, StartError> {
    if files.are_absent() {
        return Ok(None);
    }
    Ok(Some(Tls::read(files)?))
}

/// A client of the registry at `url`; touches no network.
pub(crate) fn connect(url: &str, tls: Option<Tls>) -> Result<Arc<RegistryClient>, StartError> {
    let options = ClientOptions {
        tls,
        ..ClientOptions::default()
    };
    let client = RegistryClient::new(url, options);
    Ok(Arc::new(client.map_err(StartError::Registry)?))
}

/// The life of the runtime's thread.
fn run(runtime: Runtime, heartbeat: Heartbeat, shared: &Arc<Shared>, settle: Duration) -> Stopped {
    let stopped = runtime.block_on(async {
        let window = Arc::clone(shared);
        tokio::spawn(async move {
            tokio::time::sleep(settle).await;
            window.close_settle();
        });
        heartbeat.run().await
    });
    // Drops the calls that are under way, each of which tells its caller; a look-up that hangs in the
    // system's resolver is left behind.
    runtime.shutdown_background();
    shared.close_settle();
    shared.status.set(AgentState::Stopped);
    stopped
}
