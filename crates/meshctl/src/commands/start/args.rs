//! The command line of `meshctl start`.

use std::path::PathBuf;

use crate::settings::{LogLevel, UnknownLogLevel};

/// Start agents, and the registry if none runs
///
/// An agent is a script in Python, TypeScript or JavaScript, a jar, or a folder with a `main.py`, an
/// `index.ts` or `index.js` (or one in its `src`) or a `pom.xml`.
///
/// Python runs with the nearest environment that has the package `mcp-mesh`: `.venv` or `venv` in the
/// agent's folder and above, the active environment, the one that meshctl itself is in, then the
/// PATH. TypeScript runs through `tsx`, JavaScript with `node`, a Maven project with
/// `mvn spring-boot:run`.
///
/// `--detach` returns when the agents are registered; one that is still not registered after the
/// start-up timeout is left running with a warning. `--watch` starts an agent anew, on the same port,
/// when a file in its folder changes; Python and Java are compiled first, and a mistake leaves the
/// running agent alone. What the watcher does stands in the agent's log.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct StartArgs {
    /// Scripts, jars or folders of agents
    #[arg(value_name = "AGENT")]
    pub(super) agents: Vec<String>,
    /// Return when the agents are registered, and leave them running
    #[arg(short, long)]
    pub(super) detach: bool,
    /// Start an agent anew whenever one of its files changes
    #[arg(short, long, conflicts_with = "registry_only")]
    pub(super) watch: bool,
    /// Start the registry and nothing else
    #[arg(long, conflicts_with_all = ["agents", "connect_only", "registry_url"])]
    pub(super) registry_only: bool,
    /// Never start a registry; fail if there is none
    #[arg(long, requires = "agents")]
    pub(super) connect_only: bool,
    /// URL of the registry; one on this machine is started if it does not run
    #[arg(long, value_name = "URL")]
    pub(super) registry_url: Option<String>,
    /// Host of the registry [default: localhost]
    #[arg(long, value_name = "HOST", conflicts_with = "registry_url")]
    pub(super) registry_host: Option<String>,
    /// Port of the registry [default: 8000]
    #[arg(long, value_name = "PORT", conflicts_with = "registry_url", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) registry_port: Option<u16>,
    /// Database of a registry that is started
    #[arg(long, value_name = "FILE")]
    pub(super) db_path: Option<PathBuf>,
    /// Seconds between two looks of a started registry for silent agents [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) health_check_interval: Option<u64>,
    /// Set a variable for what is started; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) env: Vec<String>,
    /// Read variables from a file of `NAME=value` lines
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
    /// Log everything
    #[arg(long)]
    pub(super) debug: bool,
    /// TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL or FATAL, in any case
    #[arg(long, value_name = "LEVEL", value_parser = parse_log_level)]
    pub(super) log_level: Option<LogLevel>,
    /// Print warnings and errors only
    #[arg(long)]
    pub(super) quiet: bool,
    /// Name under which the agents register
    #[arg(long, value_name = "NAME")]
    pub(super) agent_name: Option<String>,
    /// Version that the agents report
    #[arg(long, value_name = "VERSION")]
    pub(super) agent_version: Option<String>,
    /// Where the agents run [default: the folder of each script]
    #[arg(long, value_name = "FOLDER")]
    pub(super) working_dir: Option<PathBuf>,
    /// Seconds to wait for the registry, and for the agents with `--detach` [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) startup_timeout: Option<u64>,
    /// Seconds that a process may take to end before it is killed [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) shutdown_timeout: Option<u64>,
}

fn parse_log_level(text: &str) -> Result<LogLevel, UnknownLogLevel> {
    text.parse()
}
