//! What the flags of `start` mean together with the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use mesh_core::env::{EnvVars, Environment};

use super::args::StartArgs;
use crate::commands::Context;
use crate::env_file;
use crate::error::{CliError, Kind};
use crate::home::Home;
use crate::settings::{
    ConnectionArgs, DEFAULT_TIMEOUT, LogLevel, RegistryAddress, is_true, number,
};
use crate::supervisor::{Identity, RegistryLaunch, find_binary};

const DEFAULT_DEBOUNCE: Duration = Duration::from_millis(500);
const LONGEST_DEBOUNCE: Duration = Duration::from_mins(1);

/// Whether the command stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Until everything ended.
    Foreground,
    /// Until everything is ready.
    Detached,
}

/// What is printed when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// What was done, for people.
    Prose,
    /// Nothing.
    Quiet,
    /// What was done, for programs, and no prose beside it.
    Json,
}

/// What is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The registry alone.
    RegistryOnly,
    /// Agents of a registry that runs already.
    ConnectOnly,
    /// Agents, and a registry if there is none.
    Agents,
}

/// Everything that `start` needs to know.
#[derive(Debug)]
pub(super) struct StartSettings {
    /// Our own, with what `--env-file` and `--env` add.
    pub(super) environment: Environment,
    pub(super) mode: Mode,
    pub(super) purpose: Purpose,
    pub(super) output: Output,
    /// What changes of an agent's files lead to.
    pub(super) watch: Option<WatchSettings>,
    /// As given.
    pub(super) agents: Vec<String>,
    pub(super) current_dir: PathBuf,
    pub(super) working_dir: Option<PathBuf>,
    pub(super) address: RegistryAddress,
    /// The name that overrides what scripts declare.
    pub(super) agent_name: Option<String>,
    pub(super) startup_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    /// For agents and registry alike: `--env-file`, then `--env`.
    variables: Vec<(String, String)>,
    /// What meshctl was called as.
    pub(super) program: Option<PathBuf>,
    database: PathBuf,
    health_check_interval: Option<u64>,
    log_level: Option<LogLevel>,
    debug: bool,
    agent_version: Option<String>,
    capabilities: Vec<String>,
    /// As whom the agents run.
    pub(super) identity: Option<Identity>,
    /// What is said of flags that do nothing.
    pub(super) remarks: Vec<&'static str>,
}

impl StartSettings {
    #[expect(clippy::too_many_lines, reason = "a few lines for each flag")]
    pub(super) fn resolve(args: StartArgs, context: &Context) -> Result<Self, CliError> {
        // Without `..`: a new flag does not compile until it is resolved here.
        let StartArgs {
            agents,
            detach,
            watch,
            registry_only,
            connect_only,
            registry_url,
            registry_host,
            registry_port,
            db_path,
            health_check_interval,
            env,
            env_file,
            debug,
            log_level,
            quiet,
            agent_name,
            agent_version,
            capabilities,
            dte,
            user,
            group,
            json,
            former,
            working_dir,
            startup_timeout,
            shutdown_timeout,
        } = args;
        let remarks = former.judge()?;
        let current_dir = env::current_dir().map_err(|_| {
            CliError::new("the current directory is gone").hint("go to another one")
        })?;
        let mut variables = variables(env_file.as_deref(), &env)?;
        if dte {
            let name = EnvVars::MCP_MESH_DISTRIBUTED_TRACING_ENABLED.to_owned();
            variables.push((name, "true".to_owned()));
        }
        let environment = context.environment.clone().overlaid(
            variables
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let purpose = match (registry_only, connect_only) {
            (true, _) => Purpose::RegistryOnly,
            (_, true) => Purpose::ConnectOnly,
            // Without agents only the registry is left to start.
            _ if agents.is_empty() => Purpose::RegistryOnly,
            _ => Purpose::Agents,
        };
        let names_registry =
            registry_url.is_some() || environment.get(EnvVars::MCP_MESH_REGISTRY_URL).is_some();
        if purpose == Purpose::ConnectOnly && !names_registry {
            return Err(CliError::new("--connect-only needs --registry-url")
                .of_kind(Kind::Usage)
                .hint("say which registry the agents shall join"));
        }
        let address = RegistryAddress::resolve(
            ConnectionArgs {
                url: registry_url,
                host: registry_host,
                port: registry_port,
                scheme: None,
                insecure: false,
            },
            &environment,
        )?;
        let working_dir = working_dir.map(|folder| current_dir.join(folder));
        if let Some(folder) = working_dir.as_deref().filter(|folder| !folder.is_dir()) {
            return Err(CliError::new(format!(
                "the working directory `{}` does not exist",
                folder.display()
            ))
            .of_kind(Kind::NotFound));
        }
        let seconds = |flag: Option<u64>, variable| -> Result<Duration, CliError> {
            let value = match flag {
                Some(seconds) => Some(seconds),
                None => number(&environment, variable)?,
            };
            Ok(Duration::from_secs(value.unwrap_or(DEFAULT_TIMEOUT)))
        };
        Ok(Self {
            mode: if detach {
                Mode::Detached
            } else {
                Mode::Foreground
            },
            purpose,
            watch: WatchSettings::resolve(watch, &environment)?,
            output: match (json, quiet) {
                (true, _) => Output::Json,
                (_, true) => Output::Quiet,
                _ => Output::Prose,
            },
            agents,
            working_dir,
            address,
            startup_timeout: seconds(startup_timeout, EnvVars::MCP_MESH_STARTUP_TIMEOUT)?,
            shutdown_timeout: seconds(shutdown_timeout, EnvVars::MCP_MESH_SHUTDOWN_TIMEOUT)?,
            agent_name: agent_name.or_else(|| {
                environment
                    .get(EnvVars::MCP_MESH_AGENT_NAME)
                    .map(str::to_owned)
            }),
            program: context.program.clone(),
            database: database(db_path, &environment, &current_dir)?,
            current_dir,
            health_check_interval: match health_check_interval {
                Some(seconds) => Some(seconds),
                None => number(&environment, EnvVars::MCP_MESH_HEALTH_CHECK_INTERVAL)?,
            },
            log_level: match log_level {
                Some(level) => Some(level),
                None => LogLevel::of_environment(&environment)?,
            },
            debug: debug
                || environment
                    .get(EnvVars::MCP_MESH_DEBUG_MODE)
                    .is_some_and(is_true),
            agent_version,
            capabilities,
            identity: Identity::resolve(user.as_deref(), group.as_deref())?,
            remarks,
            variables,
            environment,
        })
    }

    /// How to start the registry.
    pub(super) fn registry_launch(&self) -> Result<RegistryLaunch, CliError> {
        Ok(RegistryLaunch {
            binary: find_binary(self.program.as_deref(), &self.environment)?,
            address: self.address.clone(),
            database: self.database.clone(),
            log_level: self.effective_log_level(),
            debug: self.debug,
            health_check_interval: self.health_check_interval,
            variables: self.variables.clone(),
        })
    }

    /// What agents get on top of our own environment.
    pub(super) fn agent_variables(&self) -> Vec<(String, String)> {
        let mut variables = self.variables.clone();
        let mut set = |name: &str, value: String| variables.push((name.to_owned(), value));
        set(EnvVars::MCP_MESH_REGISTRY_URL, self.address.url());
        set(EnvVars::MCP_MESH_REGISTRY_HOST, self.address.host());
        set(
            EnvVars::MCP_MESH_REGISTRY_PORT,
            self.address.port().to_string(),
        );
        if let Some(level) = self.effective_log_level() {
            set(EnvVars::MCP_MESH_LOG_LEVEL, level.as_str().to_owned());
        }
        if self.debug {
            set(EnvVars::MCP_MESH_DEBUG_MODE, "true".to_owned());
            set(EnvVars::MCP_MESH_DEBUG, "true".to_owned());
        }
        if let Some(name) = &self.agent_name {
            set(EnvVars::MCP_MESH_AGENT_NAME, name.clone());
        }
        if let Some(version) = &self.agent_version {
            set(EnvVars::MCP_MESH_AGENT_VERSION, version.clone());
        }
        if !self.capabilities.is_empty() {
            let all = self.capabilities.join(",");
            set(EnvVars::MCP_MESH_AGENT_CAPABILITIES, all);
        }
        variables
    }

    fn effective_log_level(&self) -> Option<LogLevel> {
        if self.debug && self.log_level != Some(LogLevel::Trace) {
            Some(LogLevel::Debug)
        } else {
            self.log_level
        }
    }
}

/// How agents are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WatchSettings {
    /// How long nothing may change before an agent starts anew.
    pub(super) debounce: Duration,
    /// Whether what changed is compiled first.
    pub(super) check: bool,
}

impl WatchSettings {
    fn resolve(flag: bool, environment: &Environment) -> Result<Option<Self>, CliError> {
        if !flag {
            return Ok(None);
        }
        let debounce = match environment.get(EnvVars::MCP_MESH_RELOAD_DEBOUNCE) {
            Some(text) => debounce(text)?,
            None => DEFAULT_DEBOUNCE,
        };
        let check = environment.get(EnvVars::MCP_MESH_RELOAD_PRECHECK);
        Ok(Some(Self {
            debounce,
            check: check.is_none_or(is_true),
        }))
    }
}

fn debounce(text: &str) -> Result<Duration, CliError> {
    let seconds = text.trim().parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|debounce| *debounce <= LONGEST_DEBOUNCE)
        .ok_or_else(|| {
            let name = EnvVars::MCP_MESH_RELOAD_DEBOUNCE;
            let most = LONGEST_DEBOUNCE.as_secs();
            CliError::new(format!(
                "{name}: `{text}` is not a number of seconds up to {most}"
            ))
            .of_kind(Kind::Usage)
            .hint(format!("correct or unset `{name}`"))
        })
}

/// The database of a registry that is started; a relative path is seen from here.
fn database(
    flag: Option<PathBuf>,
    environment: &Environment,
    current_dir: &Path,
) -> Result<PathBuf, CliError> {
    let given = flag.or_else(|| environment.get(EnvVars::MCP_MESH_DB_PATH).map(Into::into));
    match given {
        Some(path) => Ok(current_dir.join(path)),
        None => Ok(Home::resolve(environment)?.database()),
    }
}

fn variables(file: Option<&Path>, flags: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let mut variables = Vec::new();
    if let Some(file) = file {
        let problem =
            || CliError::new(format!("cannot read `{}`", file.display())).of_kind(Kind::Usage);
        let text = fs::read_to_string(file).map_err(|error| problem().because(error))?;
        variables = env_file::parse(&text).map_err(|error| problem().because(error))?;
    }
    for flag in flags {
        let (name, value) = env_file::assignment(flag).map_err(|problem| {
            CliError::new(format!("`--env {flag}`: {problem}"))
                .of_kind(Kind::Usage)
                .hint("write it as `--env NAME=value`")
        })?;
        variables.push((name, value.to_owned()));
    }
    Ok(variables)
}
