//! The command line of `meshctl start`.

use std::path::PathBuf;

use crate::commands::ui::NONE_YET;
use crate::error::{CliError, Kind};
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
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  meshctl start planner.py                   stay with it; Ctrl-C stops it
  meshctl start -d planner weather           two folders, in the background
  meshctl start -w planner.py                start anew on every change
  meshctl start -d planner.py --env KEY=value --log-level DEBUG
  meshctl start planner.py --connect-only --registry-url http://mesh.example:8000")]
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
    pub(in crate::commands) registry_host: Option<String>,
    /// Port of the registry [default: 8000]
    #[arg(long, value_name = "PORT", conflicts_with = "registry_url", value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::commands) registry_port: Option<u16>,
    /// Database of a registry that is started
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) db_path: Option<PathBuf>,
    /// Seconds between two looks of a started registry for silent agents [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) health_check_interval: Option<u64>,
    /// Describe what was started as JSON
    #[arg(long, requires = "detach")]
    pub(super) json: bool,
    /// Set a variable for what is started; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) env: Vec<String>,
    /// Read variables from a file of `NAME=value` lines
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
    /// Log everything
    #[arg(long)]
    pub(in crate::commands) debug: bool,
    /// TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL or FATAL, in any case
    #[arg(long, value_name = "LEVEL", value_parser = parse_log_level)]
    pub(super) log_level: Option<LogLevel>,
    /// Print warnings and errors only
    #[arg(long)]
    pub(in crate::commands) quiet: bool,
    /// Name under which the agents register
    #[arg(long, value_name = "NAME")]
    pub(super) agent_name: Option<String>,
    /// Version that the agents report
    #[arg(long, value_name = "VERSION")]
    pub(super) agent_version: Option<String>,
    /// Extra capability, for SDKs that read it from their environment; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) capabilities: Vec<String>,
    /// Trace calls: agents publish spans to Redis, and the registry reads them there
    #[arg(long)]
    pub(super) dte: bool,
    /// User to run the agents as, by name or number; needs root
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<String>,
    /// Group to run the agents as, by name or number [default: the user's]
    #[arg(long, value_name = "GROUP")]
    pub(super) group: Option<String>,
    /// Where the agents run [default: the folder of each script]
    #[arg(long, value_name = "FOLDER")]
    pub(super) working_dir: Option<PathBuf>,
    /// Seconds to wait for the registry, and for the agents with `--detach` [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) startup_timeout: Option<u64>,
    /// Seconds that a process may take to end before it is killed [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) shutdown_timeout: Option<u64>,
    #[command(flatten)]
    pub(super) former: FormerArgs,
}

/// What scripts for earlier releases may say; whatever cannot be done is said, not ignored.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct FormerArgs {
    #[arg(long, hide = true)]
    tls_auto: bool,
    #[arg(long, hide = true)]
    secure: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    cert_file: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    #[arg(long, hide = true)]
    verbose: bool,
    #[arg(long, hide = true)]
    ui: bool,
    #[arg(long, hide = true, value_name = "PORT")]
    ui_port: Option<u16>,
    #[arg(long, hide = true)]
    dashboard: bool,
}

impl FormerArgs {
    /// Refuses what must not be taken for done, and returns remarks on the rest.
    pub(super) fn judge(self) -> Result<Vec<&'static str>, CliError> {
        // Without `..`: a new flag does not compile until something is said of it.
        let Self {
            tls_auto,
            secure,
            cert_file,
            key_file,
            pid_file,
            // It never did anything, and misleads nobody.
            verbose: _,
            ui,
            ui_port,
            dashboard,
        } = self;
        let tls = [
            (tls_auto, "--tls-auto"),
            (secure, "--secure"),
            (cert_file.is_some(), "--cert-file"),
            (key_file.is_some(), "--key-file"),
        ];
        if let Some((_, flag)) = tls.into_iter().find(|(given, _)| *given) {
            return Err(CliError::new(format!(
                "`{flag}` is not available yet: a mesh that is started here speaks plain HTTP"
            ))
            .of_kind(Kind::Usage)
            .hint("leave it out, or put a proxy that speaks TLS before the registry and use `--registry-url https://…`"));
        }
        let mut remarks = Vec::new();
        if pid_file.is_some() {
            remarks.push("`--pid-file` is deprecated and does nothing; pid files are in `pids` of the state directory");
        }
        if ui || ui_port.is_some() || dashboard {
            remarks.push(NONE_YET);
        }
        Ok(remarks)
    }
}

impl StartArgs {
    /// The registry and nothing else, left running.
    pub(crate) fn registry_alone() -> Self {
        Self {
            registry_only: true,
            detach: true,
            ..Self::default()
        }
    }
}

fn parse_log_level(text: &str) -> Result<LogLevel, UnknownLogLevel> {
    text.parse()
}
