//! The loop: a change, a moment of quiet, a check, and the agent starts anew.

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use mesh_core::env::EnvVars;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use super::check::Check;
use super::notices::Notices;
use super::sources::{Snapshot, Sources};
use crate::agent_name;
use crate::error::CliError;
use crate::home::Home;
use crate::supervisor::{Launch, Launched, Supervisor};

/// How often the watcher looks whether it is still wanted, and its agent still there.
const LOOK: Duration = Duration::from_secs(1);
/// How long the old process may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// An editor that never stops writing is not waited for longer than so many moments of quiet.
const MOMENTS: u32 = 10;

/// What a watcher must know of its agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// The state directory.
    pub(crate) home: PathBuf,
    pub(crate) launch: Launch,
    /// May say on which port the agent listens.
    pub(crate) script: PathBuf,
    pub(crate) sources: Sources,
    /// What the agent was started with.
    pub(crate) loaded: Snapshot,
    pub(crate) check: Check,
    pub(crate) debounce: Duration,
    /// Whether a port that the agent chose itself is the next one's as well.
    pub(crate) keeps_port: bool,
    /// The port that it chose.
    pub(crate) port: Option<u16>,
}

/// Starts one agent anew when its files change.
pub(crate) struct Watcher {
    supervisor: Supervisor,
    orders: Orders,
    notices: Notices,
    /// The files as they were looked at last.
    seen: Snapshot,
    /// What it started itself.
    launched: Option<Launched>,
    /// Whether the log says that the agent ended by itself.
    told_its_end: bool,
}

/// Whether the watcher goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It does.
    Watch,
    /// Somebody stopped the agent.
    Leave,
}

impl Watcher {
    pub(crate) fn new(orders: Orders) -> Self {
        Self {
            supervisor: Supervisor::of(Home::at(orders.home.clone())),
            notices: Notices::of(&orders.sources),
            seen: orders.loaded.clone(),
            launched: None,
            told_its_end: false,
            orders,
        }
    }

    /// Watches until somebody stops the agent; `port` is where it turns out to listen.
    pub(crate) async fn run(mut self, port: &Cell<Option<u16>>) -> Result<(), CliError> {
        let outcome = self.watch(port).await;
        if let Err(error) = &outcome {
            self.say(&format!("nobody watches any more: {error}"));
        }
        outcome
    }

    async fn watch(&mut self, port: &Cell<Option<u16>>) -> Result<(), CliError> {
        // Something may have changed before anybody listened.
        let mut next = self.look().await?;
        while next == Next::Watch {
            self.orders.port = port.get().or(self.orders.port);
            let changed = timeout(LOOK, self.notices.changed()).await;
            next = if changed.is_ok() {
                self.quiet().await;
                self.look().await?
            } else if self.supervisor.watches(&self.orders.launch.name)? {
                self.tell_its_end()?;
                Next::Watch
            } else {
                Next::Leave
            };
        }
        Ok(())
    }

    /// Returns when nothing changed for a moment.
    async fn quiet(&self) {
        let moment = self.orders.debounce;
        let deadline = Instant::now() + moment * MOMENTS;
        while Instant::now() < deadline {
            if timeout(moment, self.notices.changed()).await.is_err() {
                return;
            }
        }
    }

    async fn look(&mut self) -> Result<Next, CliError> {
        let sources = &self.orders.sources;
        let now = sources.snapshot(&self.seen);
        let is_news = !now.changed_since(&self.seen).is_empty();
        self.seen = now;
        self.notices.follow(sources);
        if !is_news {
            return Ok(Next::Watch);
        }
        let changed = self.seen.changed_since(&self.orders.loaded);
        let runs = self.supervisor.agent(&self.orders.launch.name)?.is_some();
        if changed.is_empty() && runs {
            self.say("the files are again what the agent was started with");
            return Ok(Next::Watch);
        }
        let shown: Vec<String> = changed.iter().map(|path| sources.shown(path)).collect();
        let shown = match shown.as_slice() {
            [] => "a file".to_owned(),
            [first, second, third, rest @ ..] if !rest.is_empty() => {
                format!("{first}, {second}, {third} and {} more", rest.len())
            }
            few => few.join(", "),
        };
        if let Some(mistake) = self.orders.check.refuse(&changed).await {
            let goes_on = if runs {
                "; the agent keeps running as it was"
            } else {
                ""
            };
            self.say(&format!(
                "{shown} changed, but cannot be compiled{goes_on}:\n{mistake}"
            ));
            return Ok(Next::Watch);
        }
        self.restart(&shown).await
    }

    async fn restart(&mut self, changed: &str) -> Result<Next, CliError> {
        let lock = self.supervisor.lock().await?;
        let launch = self.next_launch();
        if !self.supervisor.watches(&launch.name)? {
            return Ok(Next::Leave);
        }
        if let Some(process) = self.supervisor.agent(&launch.name)?
            && let Err(error) = process.stop(GRACE).await
        {
            self.say(&format!(
                "{changed} changed, but the agent does not end: {error}"
            ));
            return Ok(Next::Watch);
        }
        if let Some(mut previous) = self.launched.take() {
            // Fetches its exit code, so that the system forgets it.
            previous.ended();
        }
        match self.supervisor.launch(&lock, launch) {
            Ok(launched) => {
                self.launched = Some(launched);
                self.orders.loaded = self.seen.clone();
                self.told_its_end = false;
                self.say(&format!("{changed} changed; the agent starts anew"));
            }
            Err(error) => self.say(&format!(
                "{changed} changed, but the agent cannot be started: {error}"
            )),
        }
        Ok(Next::Watch)
    }

    /// The same again, on the same port, unless the script names one.
    fn next_launch(&self) -> Launch {
        let mut launch = self.orders.launch.clone();
        let names_port = std::fs::read(&self.orders.script)
            .is_ok_and(|text| agent_name::declares_port(&String::from_utf8_lossy(&text)));
        let keeps_port = self.orders.keeps_port && !names_port;
        if let (Some(port), true) = (self.orders.port, keeps_port) {
            let variable = EnvVars::MCP_MESH_HTTP_PORT.to_owned();
            launch.variables.push((variable, port.to_string()));
        }
        launch
    }

    /// Says once that the agent ended by itself.
    fn tell_its_end(&mut self) -> Result<(), CliError> {
        if self.told_its_end || self.supervisor.agent(&self.orders.launch.name)?.is_some() {
            return Ok(());
        }
        self.told_its_end = true;
        if let Some(launched) = &mut self.launched {
            launched.ended();
        }
        self.say("the agent ended by itself; it starts anew when a file changes");
        Ok(())
    }

    /// Adds to the agent's log, where its user looks.
    fn say(&self, text: &str) {
        let log = self.supervisor.home().log(self.orders.launch.name.as_str());
        let file = File::options().create(true).append(true).open(log);
        // Nobody is left to tell that a log cannot be written.
        let _ = file.and_then(|mut file| file.write_all(format!("[watch] {text}\n").as_bytes()));
    }
}
