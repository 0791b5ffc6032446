//! The registry as a process: found, started, waited for.

use std::io::{BufRead, BufReader, PipeReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_client::RegistryClient;
use mesh_core::env::{EnvVars, Environment};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::launch::{Launch, Launched};
use super::platform::{Platform, ProcessGroups};
use super::process::{Process, State};
use super::{Lock, Supervisor};
use crate::error::{CliError, Kind};
use crate::home::ProcessName;
use crate::settings::{LogLevel, RegistryAddress};

const BINARY: &str = if cfg!(windows) {
    "mcp-mesh-registry.exe"
} else {
    "mcp-mesh-registry"
};
/// How often a registry that does not report over the pipe is asked.
const POLL: Duration = Duration::from_millis(50);
/// How long what a registry reported may take from its end on.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The registry that this state directory's pid file means.
#[derive(Debug, Clone)]
pub(crate) struct RunningRegistry {
    pub(crate) process: Process,
    /// Where it was started to answer.
    pub(crate) url: Option<String>,
}

/// How to start a registry.
#[derive(Debug)]
pub(crate) struct RegistryLaunch {
    pub(crate) binary: PathBuf,
    pub(crate) address: RegistryAddress,
    pub(crate) database: PathBuf,
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) debug: bool,
    /// Seconds between two looks for silent agents.
    pub(crate) health_check_interval: Option<u64>,
    /// What `--env` and `--env-file` add; whatever meshctl sets itself wins.
    pub(crate) variables: Vec<(String, String)>,
}

/// The one line that a registry writes to the pipe it was given.
#[derive(Debug, Deserialize)]
struct Report {
    ready: Option<String>,
    error: Option<String>,
    hint: Option<String>,
}

/// What to run for this very program once more. `program` is what we were called as: an entry
/// point of the Python package runs inside an interpreter, which is not us.
pub(crate) fn own_program(program: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    let is_native = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "meshctl");
    std::env::current_exe().ok().filter(is_native).or_else(|| {
        let program = program?;
        if program.components().count() > 1 {
            return std::path::absolute(program).ok();
        }
        let on_path = |folder: PathBuf| Some(folder.join(program)).filter(|path| path.is_file());
        search_path(environment).find_map(on_path)
    })
}

fn search_path(environment: &Environment) -> impl Iterator<Item = PathBuf> {
    let folders: Vec<PathBuf> = environment
        .get("PATH")
        .map(|path| std::env::split_paths(path).collect())
        .unwrap_or_default();
    folders.into_iter().filter(|folder| folder.is_absolute())
}

/// Looks for the registry's binary beside our own program, then on the `PATH`; never in the
/// current directory.
pub(crate) fn find_binary(
    program: Option<&Path>,
    environment: &Environment,
) -> Result<PathBuf, CliError> {
    let own = own_program(program, environment);
    let beside = own.and_then(|path| path.parent().map(Path::to_owned));
    beside
        .into_iter()
        .chain(search_path(environment))
        .map(|folder| folder.join(BINARY))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            CliError::new(format!("`{BINARY}` is neither beside meshctl nor on the PATH"))
                .of_kind(Kind::Prerequisite)
                .hint("install it beside meshctl, or start a registry elsewhere and pass `--registry-url`")
        })
}

impl Supervisor {
    /// The registry that was started from this state directory and still runs.
    pub(crate) fn registry(&self) -> Result<Option<RunningRegistry>, CliError> {
        let name = ProcessName::registry();
        let Some(process) = self.records.read(&name)? else {
            return Ok(None);
        };
        if process.state() == State::Gone {
            return Ok(None);
        }
        Ok(Some(RunningRegistry {
            process,
            url: self.records.read_url(&name)?,
        }))
    }

    /// Starts the registry and waits until it answers. One that fails is stopped again.
    pub(crate) async fn launch_registry(
        &self,
        lock: &Lock,
        launch: RegistryLaunch,
        patience: Duration,
    ) -> Result<Launched, CliError> {
        let client = launch.address.client(Duration::from_secs(1))?;
        // Before there is something that an interrupt would leave behind.
        let interrupted = Platform::interrupted();
        let (mut launched, reports) = self.spawn_registry(lock, launch)?;
        let outcome = tokio::select! {
            outcome = ready(&mut launched, &client, reports, patience) => outcome
                .map_err(|error| error.or_hint("its whole log: `meshctl logs registry`")),
            interrupted = interrupted => Err(match interrupted {
                Ok(()) => CliError::new("interrupted before the registry answered"),
                Err(error) => error.into(),
            }),
        };
        match outcome {
            Ok(()) => Ok(launched),
            Err(error) => {
                let details = launched.log_excerpt();
                // What failed to start matters more than how it failed to stop.
                let _ = launched.process.stop(Duration::from_secs(2)).await;
                self.forget(lock, &launched.name)?;
                Err(error.details(details))
            }
        }
    }

    fn spawn_registry(
        &self,
        lock: &Lock,
        launch: RegistryLaunch,
    ) -> Result<(Launched, Option<PipeReader>), CliError> {
        let RegistryLaunch {
            binary,
            address,
            database,
            log_level,
            debug,
            health_check_interval,
            variables: mut all,
        } = launch;
        let mut set = |name: &str, value: String| all.push((name.to_owned(), value));
        set(EnvVars::HOST, address.host());
        set(EnvVars::PORT, address.port().to_string());
        set(EnvVars::DATABASE_URL, database.display().to_string());
        if let Some(level) = log_level {
            set(EnvVars::MCP_MESH_LOG_LEVEL, level.as_str().to_owned());
        }
        if debug {
            set(EnvVars::MCP_MESH_DEBUG_MODE, "true".to_owned());
        }
        if let Some(seconds) = health_check_interval {
            set(EnvVars::HEALTH_CHECK_INTERVAL, seconds.to_string());
        }
        let pipe = std::io::pipe()
            .and_then(|(reader, writer)| Ok((Platform::share(&writer)?, reader, writer)));
        // Without a pipe the registry is asked over HTTP alone.
        let pipe = match pipe {
            Ok((descriptor, reader, writer)) => {
                set(EnvVars::MCP_MESH_READY_FD, descriptor);
                Some((reader, writer))
            }
            Err(_) => None,
        };
        let name = ProcessName::registry();
        self.records.write_url(&name, &address.url())?;
        let launched = self.launch(
            lock,
            Launch {
                name,
                program: binary,
                arguments: vec![
                    "--host".to_owned(),
                    address.host(),
                    "--port".to_owned(),
                    address.port().to_string(),
                ],
                working_dir: self.home().root().to_owned(),
                variables: all,
                removed_variables: Vec::new(),
                identity: None,
                group: None,
            },
        )?;
        // Our copy of the writing end closes here, so that the registry's end is the only one.
        Ok((launched, pipe.map(|(reader, _)| reader)))
    }
}

/// Returns when the registry serves, whoever says so first: the pipe or `/health`.
async fn ready(
    launched: &mut Launched,
    client: &RegistryClient,
    reports: Option<PipeReader>,
    patience: Duration,
) -> Result<(), CliError> {
    let deadline = Instant::now() + patience;
    let mut report = reports.map(first_line);
    loop {
        tokio::select! {
            line = async { report.as_mut().expect("checked by the branch").await },
                if report.is_some() =>
            {
                report = None;
                if let Ok(Some(line)) = line {
                    return understand(&line);
                }
            }
            () = sleep(POLL) => {
                if let Some(status) = launched.ended() {
                    // Its last words may still be on their way.
                    if let Some(report) = report.take()
                        && let Ok(Ok(Some(line))) = timeout(LAST_WORDS, report).await
                    {
                        understand(&line)?;
                    }
                    return Err(CliError::new(format!("the registry ended at once ({status})")));
                }
                if client.health().await.is_ok() {
                    return Ok(());
                }
                if Instant::now() >= deadline {
                    return Err(CliError::new(format!(
                        "the registry did not answer within {} s",
                        patience.as_secs()
                    ))
                    .of_kind(Kind::TimedOut)
                    .hint("raise `--startup-timeout`, or read its log: `meshctl logs registry`"));
                }
            }
        }
    }
}

fn understand(line: &str) -> Result<(), CliError> {
    let report: Report = serde_json::from_str(line)
        .map_err(|_| CliError::new(format!("the registry reported `{line}`")))?;
    match report {
        Report { ready: Some(_), .. } => Ok(()),
        Report { error, hint, .. } => {
            let message = error.unwrap_or_else(|| "it gave no reason".to_owned());
            let error = CliError::new(format!("the registry failed to start: {message}"));
            Err(match hint {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
    }
}

/// Reads one line on a thread of its own: a pipe cannot be polled on every platform. The thread
/// ends with the registry's end of the pipe, or with us.
fn first_line(reader: PipeReader) -> oneshot::Receiver<Option<String>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(reader).read_line(&mut line);
        let line = line.trim();
        // Nobody listens any more once `/health` answered.
        let _ = sender.send((read.is_ok() && !line.is_empty()).then(|| line.to_owned()));
    });
    receiver
}
