//! Flags and environment, resolved once into what the registry runs with.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use mesh_client::TlsFiles;
use mesh_core::Hint;
use mesh_core::env::{EnvVars, Environment};
use mesh_store::{DatabaseUrl, PostgresOptions, SqliteOptions, StoreOptions};
use tracing::level_filters::LevelFilter;

use crate::cli::Args;
use crate::http::HeaderRules;
use crate::traces::RedisUrl;

/// The longest that one proxied call may take, in seconds.
pub(crate) const MAX_PROXY_TIMEOUT: u64 = 600;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is `{value}`, which is not allowed: {allowed}")]
pub struct InvalidSetting {
    /// The variable or flag.
    name: &'static str,
    /// What it was set to.
    value: String,
    /// What it may be set to.
    allowed: String,
}

impl Hint for InvalidSetting {
    fn hint(&self) -> Option<std::borrow::Cow<'_, str>> {
        Some(format!("correct or unset `{}`", self.name).into())
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// What the registry runs with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The host name or address to bind.
    pub host: String,
    /// The port to bind; 0 lets the system choose.
    pub port: u16,
    /// Where the state lives.
    pub database: DatabaseUrl,
    /// How it is opened.
    pub store: StoreOptions,
    /// The time between two looks for silent agents.
    pub health_interval: Duration,
    /// The silence after which an agent is unhealthy.
    pub timeout_threshold: Duration,
    /// How long an unhealthy agent and a finished job are remembered; zero is for ever.
    pub retention: Duration,
    /// The time between two sweeps.
    pub sweep_interval: Duration,
    /// How many events are kept; zero keeps all.
    pub event_max_rows: u64,
    /// How old a job without a deadline may become; `None` is for ever.
    pub job_stale_timeout: Option<Duration>,
    /// How long the owner of a cancelled job may take to notice before it is told.
    pub cancel_event_grace: Duration,
    /// What one proxied call may take when its caller does not say.
    pub proxy_timeout: Duration,
    /// The headers that a proxied call may carry on.
    pub(crate) propagate_headers: HeaderRules,
    /// The public base URL of A2A surfaces.
    pub public_url_prefix: Option<String>,
    /// The largest request body in bytes.
    pub body_limit: usize,
    /// The port of the administration; `None` serves it beside everything else.
    pub admin_port: Option<u16>,
    /// Where the certificates of trusted entities are; `None` where there is no home.
    pub trust_folder: Option<PathBuf>,
    /// What the registry shows to agents at `https`, and whom it believes there.
    pub agent_tls: TlsFiles,
    /// Where spans are read; `None` if traces are not asked for.
    pub traces: Option<RedisUrl>,
    /// The least important events that are logged.
    pub log_level: LevelFilter,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl Settings {
    /// Reads everything; flags win over the environment. Relative paths start at `folder`.
    pub fn resolve(
        args: Args,
        environment: &Environment,
        folder: &Path,
    ) -> Result<Self, InvalidSetting> {
        // Without `..`: a new flag does not compile until it is resolved here.
        let Args {
            host,
            port,
            log_format,
            healthcheck: _,
            version: _,
            command: _,
        } = args;
        let env = Reader(environment);
        env.refuse_tls()?;
        let debug = env
            .parse(EnvVars::MCP_MESH_DEBUG_MODE, truth)?
            .unwrap_or(false);
        let log_level = env
            .parse(EnvVars::MCP_MESH_LOG_LEVEL, level)?
            .unwrap_or(LevelFilter::INFO);
        let port_setting = env.parse(EnvVars::PORT, number(1..=65_535))?;
        Ok(Self {
            host: host
                .filter(|host| !host.is_empty())
                .or_else(|| {
                    environment
                        .get(EnvVars::HOST)
                        .map(|host| host.trim().into())
                })
                .unwrap_or_else(|| "localhost".to_owned()),
            port: port
                .or_else(|| port_setting.and_then(|port| u16::try_from(port).ok()))
                .unwrap_or(8000),
            database: env.database(folder)?,
            store: StoreOptions {
                sqlite: env.sqlite()?,
                postgres: env.postgres()?,
            },
            health_interval: env.seconds(EnvVars::HEALTH_CHECK_INTERVAL, 10)?,
            timeout_threshold: env.seconds(EnvVars::DEFAULT_TIMEOUT_THRESHOLD, 20)?,
            retention: env
                .parse(EnvVars::MCP_MESH_RETENTION, duration)?
                .unwrap_or(Duration::from_hours(1)),
            sweep_interval: env
                .parse(EnvVars::MCP_MESH_SWEEP_INTERVAL, period)?
                .unwrap_or(Duration::from_mins(5)),
            event_max_rows: env
                .parse(EnvVars::MCP_MESH_EVENT_MAX_ROWS, number(0..=u64::MAX))?
                .unwrap_or(100_000),
            job_stale_timeout: env
                .parse(EnvVars::MCP_MESH_JOB_STALE_TIMEOUT, duration_or_off)?
                .flatten(),
            cancel_event_grace: env
                .parse(EnvVars::MCP_MESH_CANCEL_EVENT_GRACE_MS, number(0..=10_000))?
                .map_or(Duration::from_millis(200), Duration::from_millis),
            proxy_timeout: env
                .parse(
                    EnvVars::MCP_MESH_PROXY_TIMEOUT,
                    number(1..=MAX_PROXY_TIMEOUT),
                )?
                .map_or(Duration::from_mins(1), Duration::from_secs),
            propagate_headers: env
                .parse(EnvVars::MCP_MESH_PROPAGATE_HEADERS, str::parse)?
                .unwrap_or_default(),
            public_url_prefix: env.parse(EnvVars::MCP_MESH_PUBLIC_URL_PREFIX, web_address)?,
            body_limit: env
                .parse(
                    EnvVars::MCP_MESH_MAX_REQUEST_BODY_BYTES,
                    number(0..=u64::MAX),
                )?
                .map_or(10 << 20, |bytes| match usize::try_from(bytes) {
                    Ok(0) | Err(_) => usize::MAX, // Zero lifts the limit.
                    Ok(bytes) => bytes,
                }),
            admin_port: env
                .parse(EnvVars::MCP_MESH_ADMIN_PORT, admin_port)?
                .flatten(),
            trust_folder: trust_folder(environment, folder),
            agent_tls: agent_tls(environment, folder),
            traces: env.traces()?,
            log_level: if debug {
                log_level.max(LevelFilter::DEBUG)
            } else {
                log_level
            },
            log_format,
        })
    }
}

/// A relative path starts at `folder`, as the database's does.
fn trust_folder(environment: &Environment, folder: &Path) -> Option<PathBuf> {
    if let Some(path) = environment.get(EnvVars::MCP_MESH_TRUST_DIR) {
        return Some(folder.join(path));
    }
    let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    let state = match environment.get(EnvVars::MCP_MESH_HOME) {
        Some(state) => folder.join(state),
        None => Path::new(environment.get(home)?).join(".mcp-mesh"),
    };
    Some(state.join("tls"))
}

/// Relative paths start at `folder` here too.
fn agent_tls(environment: &Environment, folder: &Path) -> TlsFiles {
    let path = |name| environment.get(name).map(|path| folder.join(path));
    TlsFiles {
        ca: path(EnvVars::MCP_MESH_TLS_CA),
        certificate: path(EnvVars::MCP_MESH_TLS_CERT),
        key: path(EnvVars::MCP_MESH_TLS_KEY),
    }
}

/// The descriptor that `MCP_MESH_READY_FD` names. It is read before everything else, so that what
/// is wrong with the rest can be told there.
pub(crate) fn ready_descriptor(environment: &Environment) -> Result<Option<u32>, InvalidSetting> {
    Reader(environment).parse(EnvVars::MCP_MESH_READY_FD, |text| {
        text.parse().map_err(|_| "the number of an open descriptor")
    })
}

/// Reads variables so that an error names the variable, its value and what is allowed.
struct Reader<'a>(&'a Environment);

impl Reader<'_> {
    fn parse<T, E: Display>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, InvalidSetting> {
        self.0
            .get(name)
            .map(|value| {
                parse(value.trim()).map_err(|allowed| InvalidSetting {
                    name,
                    value: value.to_owned(),
                    allowed: allowed.to_string(),
                })
            })
            .transpose()
    }

    /// Its value may hold a password, so an error shows what the parser is willing to show.
    fn database(&self, folder: &Path) -> Result<DatabaseUrl, InvalidSetting> {
        let name = EnvVars::DATABASE_URL;
        let text = self.0.get(name).map_or("mcp_mesh_registry.db", str::trim);
        DatabaseUrl::parse(text, folder).map_err(|error| InvalidSetting {
            name,
            value: error.url().to_owned(),
            allowed: error.to_string(),
        })
    }

    /// Ignored while tracing is off: the variable is other programs', too.
    fn traces(&self) -> Result<Option<RedisUrl>, InvalidSetting> {
        let is_on = self.parse(EnvVars::MCP_MESH_DISTRIBUTED_TRACING_ENABLED, truth)?;
        if is_on != Some(true) {
            return Ok(None);
        }
        let name = EnvVars::REDIS_URL;
        let text = self.0.get(name).map_or(RedisUrl::DEFAULT, str::trim);
        let url = RedisUrl::parse(text).map_err(|allowed| InvalidSetting {
            name,
            value: RedisUrl::redacted(text),
            allowed: allowed.to_owned(),
        })?;
        Ok(Some(url))
    }

    fn sqlite(&self) -> Result<SqliteOptions, InvalidSetting> {
        let default = SqliteOptions::default();
        Ok(SqliteOptions {
            busy_timeout: self
                .parse(EnvVars::DB_BUSY_TIMEOUT, number(0..=600_000))?
                .map_or(default.busy_timeout, Duration::from_millis),
            journal_mode: self
                .parse(EnvVars::DB_JOURNAL_MODE, str::parse)?
                .unwrap_or(default.journal_mode),
            synchronous: self
                .parse(EnvVars::DB_SYNCHRONOUS, str::parse)?
                .unwrap_or(default.synchronous),
            cache_kib: self
                .parse(EnvVars::DB_CACHE_SIZE, number(0..=16_000_000))?
                .and_then(|kib| u32::try_from(kib).ok())
                .unwrap_or(default.cache_kib),
        })
    }

    fn postgres(&self) -> Result<PostgresOptions, InvalidSetting> {
        let default = PostgresOptions::default();
        let count = |name, least, default| {
            let count = self.parse(name, number(least..=10_000))?;
            Ok(count
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(default))
        };
        Ok(PostgresOptions {
            max_open: count(EnvVars::DB_MAX_OPEN_CONNECTIONS, 2, default.max_open)?,
            max_idle: count(EnvVars::DB_MAX_IDLE_CONNECTIONS, 0, default.max_idle)?,
            max_lifetime: self
                .parse(EnvVars::DB_CONN_MAX_LIFETIME, number(0..=86_400))?
                .map_or(default.max_lifetime, Duration::from_secs),
            connection_timeout: self
                .parse(EnvVars::DB_CONNECTION_TIMEOUT, number(1..=3_600))?
                .map_or(default.connection_timeout, Duration::from_secs),
        })
    }

    fn seconds(&self, name: &'static str, default: u64) -> Result<Duration, InvalidSetting> {
        let seconds = self.parse(name, number(1..=86_400))?;
        Ok(Duration::from_secs(seconds.unwrap_or(default)))
    }

    fn refuse_tls(&self) -> Result<(), InvalidSetting> {
        self.parse(EnvVars::MCP_MESH_TLS_MODE, |mode| match mode {
            "off" => Ok(()),
            _ => Err(
                "only `off` works in this release; TLS and trust are not built yet, and \
                      nothing may look secured that is not",
            ),
        })
        .map(|_| ())
    }
}

fn number(allowed: std::ops::RangeInclusive<u64>) -> impl FnOnce(&str) -> Result<u64, String> {
    move |text| match u64::from_str(text) {
        Ok(number) if allowed.contains(&number) => Ok(number),
        _ if *allowed.end() == u64::MAX => {
            Err(format!("a whole number, at least {}", allowed.start()))
        }
        _ => Err(format!(
            "a whole number from {} to {}",
            allowed.start(),
            allowed.end()
        )),
    }
}

/// Nothing up to zero: deployments switch the port off with `-1` too.
fn admin_port(text: &str) -> Result<Option<u16>, String> {
    match text.parse::<i64>() {
        Ok(..=0) => Ok(None),
        Ok(port) => u16::try_from(port).map(Some).map_err(drop),
        Err(_) => Err(()),
    }
    .map_err(|()| "a whole number up to 65535".to_owned())
}

/// Go's spelling of true and false, which existing deployments use, and the words people try.
fn truth(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "yes" | "on" => Ok(true),
        "0" | "f" | "false" | "no" | "off" => Ok(false),
        _ => Err("`true` or `false`"),
    }
}

fn level(text: &str) -> Result<LevelFilter, &'static str> {
    match text.to_ascii_uppercase().as_str() {
        "TRACE" => Ok(LevelFilter::TRACE),
        "DEBUG" => Ok(LevelFilter::DEBUG),
        "INFO" => Ok(LevelFilter::INFO),
        "WARN" | "WARNING" => Ok(LevelFilter::WARN),
        "ERROR" | "CRITICAL" | "FATAL" => Ok(LevelFilter::ERROR),
        _ => Err("TRACE, DEBUG, INFO, WARN, WARNING, ERROR or CRITICAL"),
    }
}

fn web_address(text: &str) -> Result<String, &'static str> {
    ["http://", "https://"]
        .iter()
        .any(|scheme| {
            text.strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        })
        .then(|| text.to_owned())
        .ok_or("a URL that starts with `http://` or `https://`")
}

/// Reads `90s`, `1h30m`, `500ms`, and `0`.
fn duration(text: &str) -> Result<Duration, &'static str> {
    const ALLOWED: &str = "a duration such as `90s`, `1h30m` or `500ms`";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let starts_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
    let parsed: SignedDuration = text
        .parse()
        .ok()
        .filter(|_| starts_with_digit)
        .ok_or(ALLOWED)?;
    Duration::try_from(parsed).map_err(|_| ALLOWED)
}

/// A duration, or nothing for `off` and `0`.
fn duration_or_off(text: &str) -> Result<Option<Duration>, &'static str> {
    const ALLOWED: &str = "`off`, or a duration such as `90s`, `1h30m` or `500ms`";
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let duration = duration(text).map_err(|_| ALLOWED)?;
    Ok((!duration.is_zero()).then_some(duration))
}

/// A period: a shorter one would do nothing but sweep.
fn period(text: &str) -> Result<Duration, &'static str> {
    duration(text)
        .ok()
        .filter(|duration| *duration >= Duration::from_secs(1))
        .ok_or("a duration of at least `1s`, such as `90s` or `1h30m`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
        let environment = pairs.iter().copied().collect();
        Settings::resolve(Args::default(), &environment, Path::new("/srv"))
    }

    #[test]
    fn the_defaults_are_those_of_the_protocol() {
        let settings = resolve(&[]).unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("localhost", 8000));
        assert_eq!(settings.timeout_threshold, Duration::from_secs(20));
        assert_eq!(settings.health_interval, Duration::from_secs(10));
        assert_eq!(settings.body_limit, 10 * 1024 * 1024);
        assert_eq!(settings.log_level, LevelFilter::INFO);
    }

    #[test]
    fn flags_win_over_the_environment() {
        let environment = [("PORT", "9000"), ("HOST", "0.0.0.0")]
            .into_iter()
            .collect();
        let args = Args {
            port: Some(9001),
            ..Args::default()
        };
        let settings = Settings::resolve(args, &environment, Path::new("/srv")).unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("0.0.0.0", 9001));
    }

    #[test]
    fn durations_are_spelled_as_in_go() {
        for (text, millis) in [
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "90", "-5s", "five", "1h-"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_by_name() {
        for (name, value, allowed) in [
            ("PORT", "0", "a whole number from 1 to 65535"),
            ("PORT", "http", "a whole number from 1 to 65535"),
            (
                "HEALTH_CHECK_INTERVAL",
                "0",
                "a whole number from 1 to 86400",
            ),
            (
                "DEFAULT_TIMEOUT_THRESHOLD",
                "1.5",
                "a whole number from 1 to 86400",
            ),
            (
                "MCP_MESH_RETENTION",
                "soon",
                "a duration such as `90s`, `1h30m` or `500ms`",
            ),
            (
                "MCP_MESH_LOG_LEVEL",
                "LOUD",
                "TRACE, DEBUG, INFO, WARN, WARNING, ERROR or CRITICAL",
            ),
            (
                "MCP_MESH_JOB_STALE_TIMEOUT",
                "never",
                "`off`, or a duration such as `90s`, `1h30m` or `500ms`",
            ),
            (
                "MCP_MESH_CANCEL_EVENT_GRACE_MS",
                "10001",
                "a whole number from 0 to 10000",
            ),
            (
                "MCP_MESH_PROXY_TIMEOUT",
                "601",
                "a whole number from 1 to 600",
            ),
            ("MCP_MESH_ADMIN_PORT", "70000", "a whole number up to 65535"),
            ("MCP_MESH_DEBUG_MODE", "maybe", "`true` or `false`"),
            (
                "MCP_MESH_EVENT_MAX_ROWS",
                "-1",
                "a whole number, at least 0",
            ),
        ] {
            let error = resolve(&[(name, value)]).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`{name}` is `{value}`, which is not allowed: {allowed}")
            );
        }
        for (name, value) in [
            ("DATABASE_URL", "mysql://x/y"),
            ("MCP_MESH_TLS_MODE", "auto"),
            ("MCP_MESH_TLS_MODE", "of"),
            ("MCP_MESH_PROPAGATE_HEADERS", "*"),
            ("MCP_MESH_PROPAGATE_HEADERS", "x tenant"),
            ("MCP_MESH_PROPAGATE_HEADERS", "x tenant-*"),
            ("MCP_MESH_PUBLIC_URL_PREFIX", "mesh.example"),
            ("MCP_MESH_PUBLIC_URL_PREFIX", "https://"),
            ("DB_JOURNAL_MODE", "FAST"),
            ("DB_MAX_OPEN_CONNECTIONS", "1"),
            ("DB_CONNECTION_TIMEOUT", "0"),
        ] {
            assert!(resolve(&[(name, value)]).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn trust_is_looked_for_in_its_folder_then_in_the_state_directory() {
        let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        let folder = |pairs: &[(&str, &str)]| resolve(pairs).unwrap().trust_folder;
        let all = [
            (home, "/h"),
            ("MCP_MESH_HOME", "/m"),
            ("MCP_MESH_TRUST_DIR", "t"),
        ];
        assert_eq!(folder(&all), Some("/srv/t".into()));
        assert_eq!(folder(&all[..2]), Some("/m/tls".into()));
        assert_eq!(folder(&all[..1]), Some("/h/.mcp-mesh/tls".into()));
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn the_administration_has_a_port_of_its_own_only_if_told_so() {
        let port = |text| {
            resolve(&[("MCP_MESH_ADMIN_PORT", text)])
                .unwrap()
                .admin_port
        };
        assert_eq!(port("0"), None);
        assert_eq!(port("-1"), None);
        assert_eq!(port("8001"), Some(8001));
        assert_eq!(resolve(&[]).unwrap().admin_port, None);
    }

    #[test]
    fn a_password_is_not_shown() {
        let error = resolve(&[("DATABASE_URL", "mysql://root:hunter2@db/mesh")]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("`DATABASE_URL` is `mysql://root:***@db/mesh`, which is not allowed"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn debug_mode_forces_debug_and_never_less() {
        let level = |level| {
            resolve(&[("MCP_MESH_LOG_LEVEL", level), ("MCP_MESH_DEBUG_MODE", "1")])
                .unwrap()
                .log_level
        };
        assert_eq!(level("ERROR"), LevelFilter::DEBUG);
        assert_eq!(level("TRACE"), LevelFilter::TRACE);
    }
}
