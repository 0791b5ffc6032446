//! Every environment variable, declared once; clap, code, tests and the reference page use the
//! constants. Reading them is [`Environment`]'s job, so that a test hands in a map.

use std::collections::BTreeMap;

/// What the reference page says of one variable.
#[derive(Debug, Clone, Copy)]
pub struct EnvVar {
    /// The variable's name.
    pub name: &'static str,
    /// The first release that read it.
    pub since: &'static str,
    /// What it does, and its default.
    pub docs: &'static str,
}

macro_rules! env_vars {
    ($($(#[doc = $doc:literal])+ $name:ident since $since:literal;)*) => {
        /// The names, as constants.
        #[derive(Debug)]
        pub struct EnvVars;

        impl EnvVars {
            $($(#[doc = $doc])+ pub const $name: &'static str = stringify!($name);)*

            /// All of them, in the order of declaration, for the generated reference.
            pub const ALL: &'static [EnvVar] = &[
                $(EnvVar {
                    name: stringify!($name),
                    since: $since,
                    docs: concat!($($doc, "\n"),+),
                },)*
            ];
        }
    };
}

env_vars! {
    /// Registry: the address to bind; default `localhost`. Agent: the address to bind; default `0.0.0.0`.
    HOST since "4.0.0";
    /// Registry: the port to bind, 1 to 65535; default `8000`.
    PORT since "4.0.0";
    /// Registry: where its state lives. A bare path or `sqlite:` is SQLite, `postgres:` or
    /// `postgresql:` is PostgreSQL; default `mcp_mesh_registry.db`.
    DATABASE_URL since "4.0.0";
    /// Registry: seconds between two looks for silent agents, at least 1; default `10`.
    HEALTH_CHECK_INTERVAL since "4.0.0";
    /// Registry: seconds of silence after which an agent is unhealthy, at least 1; default `20`.
    DEFAULT_TIMEOUT_THRESHOLD since "4.0.0";
    /// Registry: how long an unhealthy agent and a finished job are remembered, as a duration such as
    /// `1h30m`; `0` keeps them for ever; default `1h`.
    MCP_MESH_RETENTION since "4.0.0";
    /// Registry: time between two sweeps, as a duration such as `90s`, at least `1s`; default `5m`.
    MCP_MESH_SWEEP_INTERVAL since "4.0.0";
    /// Registry: how many events are kept; `0` keeps all; default `100000`.
    MCP_MESH_EVENT_MAX_ROWS since "4.0.0";
    /// Registry: how old a job without a deadline of its own may become before it fails, as a duration
    /// such as `24h`; `off` and `0` let it live; default `off`.
    MCP_MESH_JOB_STALE_TIMEOUT since "4.0.0";
    /// Registry: milliseconds between a job's cancellation and the call that tells its owner, 0 to
    /// 10000; default `200`.
    MCP_MESH_CANCEL_EVENT_GRACE_MS since "4.0.0";
    /// Registry: seconds that one proxied call may take, 1 to 600; default `60`.
    MCP_MESH_PROXY_TIMEOUT since "4.0.0";
    /// Header names to pass on, separated by commas; a trailing `*` matches a prefix, a bare `*` is
    /// refused; default none.
    MCP_MESH_PROPAGATE_HEADERS since "4.0.0";
    /// Registry and agent: public base URL of A2A surfaces; default none.
    MCP_MESH_PUBLIC_URL_PREFIX since "4.0.0";
    /// Registry: the largest request body in bytes; `0` lifts the limit; default `10485760`.
    MCP_MESH_MAX_REQUEST_BODY_BYTES since "4.0.0";
    /// Registry: a port of its own for `/admin/*`, on the registry's host, without TLS; the registry's port
    /// then answers 404 there. `0` or less serves it on the registry's port; default `0`.
    MCP_MESH_ADMIN_PORT since "4.0.0";
    /// The folder of trusted authorities: `meshctl entity` keeps those of entities in its `entities/*.pem`,
    /// which the registry lists at `GET /admin/entities`; default `tls` in the state directory.
    MCP_MESH_TRUST_DIR since "4.0.0";
    /// Agent: `off`, or `auto` or `strict` for TLS with the files below; default `off`. Registry: only
    /// `off`; the others are refused until trust is built.
    MCP_MESH_TLS_MODE since "4.0.0";
    /// Agent: where its certificate comes from: `file`, which is the default and all there is.
    MCP_MESH_TLS_PROVIDER since "4.0.0";
    /// A PEM file of authorities to trust beside the system's; default none. An agent with one is called
    /// only with a certificate of theirs. The registry uses this file and the two below to call agents by
    /// TLS, for `/proxy` and to cancel jobs. Where none of these variables is set, meshctl trusts
    /// `tls/ca.pem` in the state directory alone, if it exists.
    MCP_MESH_TLS_CA since "4.0.0";
    /// A PEM file with the certificate to show, and those that vouch for it; default none.
    MCP_MESH_TLS_CERT since "4.0.0";
    /// A PEM file with the key to that certificate, not encrypted; default none.
    MCP_MESH_TLS_KEY since "4.0.0";
    /// meshctl: whether it believes whoever answers by `https`, as with `--insecure`; default `false`.
    MCP_MESH_TLS_SKIP_VERIFY since "4.0.0";
    /// Registry: how long SQLite waits for a lock, in milliseconds; default `5000`.
    DB_BUSY_TIMEOUT since "4.0.0";
    /// Registry: SQLite's journal mode; default `WAL`.
    DB_JOURNAL_MODE since "4.0.0";
    /// Registry: SQLite's synchronous mode; default `NORMAL`.
    DB_SYNCHRONOUS since "4.0.0";
    /// Registry: SQLite's page cache in KiB; default `10000`.
    DB_CACHE_SIZE since "4.0.0";
    /// Registry: how many connections to PostgreSQL may be open, at least 2; default `25`.
    DB_MAX_OPEN_CONNECTIONS since "4.0.0";
    /// Registry: how many of them stay open while nobody uses them; default `5`.
    DB_MAX_IDLE_CONNECTIONS since "4.0.0";
    /// Registry: seconds after which a connection to PostgreSQL is replaced; `0` is never; default `300`.
    DB_CONN_MAX_LIFETIME since "4.0.0";
    /// Registry: seconds that its start waits for PostgreSQL, at least 1; default `30`.
    DB_CONNECTION_TIMEOUT since "4.0.0";
    /// TRACE, DEBUG, INFO, WARN, WARNING, ERROR or CRITICAL in any case; default `INFO`.
    MCP_MESH_LOG_LEVEL since "4.0.0";
    /// Forces the log level DEBUG when true; default `false`.
    MCP_MESH_DEBUG_MODE since "4.0.0";
    /// Set beside `MCP_MESH_DEBUG_MODE` for agents started with `--debug`.
    MCP_MESH_DEBUG since "4.0.0";
    /// Base URL of the registry; default `http://localhost:8000`.
    MCP_MESH_REGISTRY_URL since "4.0.0";
    /// meshctl: the registry's host; default `localhost`.
    MCP_MESH_REGISTRY_HOST since "4.0.0";
    /// meshctl: the registry's port; default `8000`.
    MCP_MESH_REGISTRY_PORT since "4.0.0";
    /// meshctl, and the registry for its trust directory: the state directory; default `~/.mcp-mesh`.
    MCP_MESH_HOME since "4.0.0";
    /// meshctl: the embedded database; default `mcp_mesh_registry.db` in the state directory.
    MCP_MESH_DB_PATH since "4.0.0";
    /// meshctl: passed to the registry as `HEALTH_CHECK_INTERVAL`.
    MCP_MESH_HEALTH_CHECK_INTERVAL since "4.0.0";
    /// meshctl: seconds to wait for a process to become ready; default `30`.
    MCP_MESH_STARTUP_TIMEOUT since "4.0.0";
    /// meshctl: seconds to wait for a process to end; default `30`.
    MCP_MESH_SHUTDOWN_TIMEOUT since "4.0.0";
    /// meshctl and the installers: base URL of a GitHub Enterprise server that holds the releases; its
    /// API is below `/api/v3`; default none.
    MCP_MESH_INSTALLER_GHE_BASE_URL since "4.0.0";
    /// meshctl and the installers: base URL of a server that looks like `https://github.com`; its API is
    /// at the host `api.<host>`; default none.
    MCP_MESH_INSTALLER_GITHUB_BASE_URL since "4.0.0";
    /// meshctl and the installers: the folder that holds the files of one release, as a URL;
    /// `self update` then needs a whole `--version`; default none.
    MCP_MESH_DOWNLOAD_URL since "4.0.0";
    /// meshctl and the installers: sent to the server that holds the releases, and to no other, against
    /// its rate limit; default none.
    MCP_MESH_GITHUB_TOKEN since "4.0.0";
    /// The installers: where to install; default `$XDG_BIN_HOME`, else `~/.local/bin`.
    MCP_MESH_INSTALL_DIR since "4.0.0";
    /// The installers: `1` edits no shell profile; default `0`.
    MCP_MESH_NO_MODIFY_PATH since "4.0.0";
    /// The installers: a folder to install to without a receipt, which
    /// `self update` leaves alone: it names the installer instead of running it; default none.
    MCP_MESH_UNMANAGED_INSTALL since "4.0.0";
    /// The installers: `meshctl` or `registry` installs that program alone; default both.
    MCP_MESH_INSTALL_ONLY since "4.0.0";
    /// The installers: `1` writes no receipt, which `self update` goes by; default `0`.
    MCP_MESH_DISABLE_UPDATE since "4.0.0";
    /// meshctl to the agents that one `start` launches: their common group id.
    MCP_MESH_GROUP_ID since "4.0.0";
    /// `start --watch`: seconds of quiet after a change before the agent starts anew; default `0.5`.
    MCP_MESH_RELOAD_DEBOUNCE since "4.0.0";
    /// `start --watch`: whether changed sources are compiled first, so that a mistake leaves the running
    /// agent alone; default `true`.
    MCP_MESH_RELOAD_PRECHECK since "4.0.0";
    /// meshctl to a process it starts: the pid file that stands for it; internal.
    MCP_MESH_RECORD since "4.0.0";
    /// meshctl to a process it starts: where to report readiness; internal.
    MCP_MESH_READY_FD since "4.0.0";
    /// Agent: anything but a true word makes the decorators inert; default `true`.
    MCP_MESH_ENABLED since "4.0.0";
    /// Agent: whether it starts by itself when its module has run; default `true`.
    MCP_MESH_AUTO_RUN since "4.0.0";
    /// Agent: accepted for compatibility; default `10`.
    MCP_MESH_AUTO_RUN_INTERVAL since "4.0.0";
    /// Agent: the host it advertises; default the address that faces outwards.
    MCP_MESH_HTTP_HOST since "4.0.0";
    /// Agent: the port it listens on, 0 to 65535; `0` lets the system pick; default `0`.
    MCP_MESH_HTTP_PORT since "4.0.0";
    /// Agent: whether it serves HTTP; default `true`.
    MCP_MESH_HTTP_ENABLED since "4.0.0";
    /// Agent: the whole URL it advertises; default none.
    MCP_MESH_HTTP_ENDPOINT since "4.0.0";
    /// Agent: its namespace; default `default`.
    MCP_MESH_NAMESPACE since "4.0.0";
    /// Agent: its name.
    MCP_MESH_AGENT_NAME since "4.0.0";
    /// Agent: what the id of a web application with routes starts with; default `api`.
    MCP_MESH_API_NAME since "4.0.0";
    /// Agent: what the id of a web application with skills starts with; default its title.
    MCP_MESH_A2A_NAME since "4.0.0";
    /// Agent: its whole id.
    MCP_MESH_AGENT_ID since "4.0.0";
    /// Agent: its version; `start --agent-version` sets it.
    MCP_MESH_AGENT_VERSION since "4.0.0";
    /// Agent: extra capabilities, separated by commas, for SDKs that read them; `start --capabilities` sets
    /// it.
    MCP_MESH_AGENT_CAPABILITIES since "4.0.0";
    /// Agent: its version when there is no `@mesh.agent`; default `1.0.0`.
    MCP_MESH_VERSION since "4.0.0";
    /// Our compose file: what stands before the images' names; default `mcpmesh`.
    MCP_MESH_IMAGES since "4.0.0";
    /// Our compose file: the images' tag; default `latest`.
    MCP_MESH_IMAGE_TAG since "4.0.0";
    /// Agent: seconds between two heartbeats, at least 1; default `5`.
    MCP_MESH_HEALTH_INTERVAL since "4.0.0";
    /// Agent: seconds that a health verdict stays valid, at least 1; default `15`.
    MCP_MESH_HEALTH_CHECK_TTL since "4.0.0";
    /// Agent: seconds without a declaration after which one with `auto_run=False` starts; default `1`.
    MCP_MESH_DEBOUNCE_DELAY since "4.0.0";
    /// Agent: accepted for compatibility; default `30`.
    MCP_MESH_SERVER_STARTUP_TIMEOUT since "4.0.0";
    /// Agent: accepted for compatibility; default `256`.
    MCP_MESH_JOBPROXY_CACHE_MAX since "4.0.0";
    /// Agent: whether `async def` tools that could only block their event loop run in threads;
    /// default `true`.
    MCP_MESH_TOOL_ISOLATION since "4.0.0";
    /// Agent: how many event loops `async def` tools share, 1 to 64; `1` is the program's
    /// own; default `1`.
    MCP_MESH_TOOL_WORKERS since "4.0.0";
    /// Agent: seconds that first calls wait for their dependencies; `0` is off; default `20`.
    MCP_MESH_SETTLE_TIMEOUT since "4.0.0";
    /// Agent: whether a mismatch of parameters and dependencies is an error; default `false`.
    MCP_MESH_STRICT_DI since "4.0.0";
    /// Agent: whether a schema that cannot be compared refuses the start; default `false`.
    MCP_MESH_SCHEMA_STRICT since "4.0.0";
    /// Agent: no registry traffic at all; default `false`.
    MCP_MESH_STANDALONE since "4.0.0";
    /// Agent: seconds that an outgoing call may take, at least 1; default `300`.
    MCP_MESH_CALL_TIMEOUT since "4.0.0";
    /// Agent: whether its functions and calls become spans. Registry: whether `GET /trace/{id}` looks them
    /// up. Default `false`.
    MCP_MESH_DISTRIBUTED_TRACING_ENABLED since "4.0.0";
    /// Agent: anything but a true word switches tracing off; default `true`.
    MCP_MESH_TELEMETRY_ENABLED since "4.0.0";
    /// Agent: whether spans are published; traces travel on without; default `true`.
    MCP_MESH_REDIS_TRACE_PUBLISHING since "4.0.0";
    /// Agent: about how many spans Redis keeps; `0` keeps all; default `100000`.
    MCP_MESH_TRACE_STREAM_MAXLEN since "4.0.0";
    /// Agent: its address in spans; default the advertised host.
    POD_IP since "4.0.0";
    /// Agent: the Redis that spans are published to, `redis:`, `rediss:` or `unix:`. Registry: the Redis
    /// that they are read from. Default `redis://localhost:6379`.
    REDIS_URL since "4.0.0";
    /// Agent: the model that functions under `@mesh.llm` ask for, whatever the decorator says.
    MESH_LLM_MODEL since "4.0.0";
    /// Agent: how often a model may be asked for one answer, at least 1, whatever the decorator says.
    MESH_LLM_MAX_ITERATIONS since "4.0.0";
    /// Agent: what is made of an LLM function's filter: `all`, `best_match` or `*`, whatever the
    /// decorator says.
    MESH_LLM_FILTER_MODE since "4.0.0";
    /// Agent: whether LLM providers use the vendors' own SDKs rather than litellm; default `true`.
    MCP_MESH_NATIVE_LLM since "4.0.0";
    /// Agent: whether all models of Gemini give answers of a type and call tools at once; default `false`.
    MCP_MESH_GEMINI_NATIVE_STRUCTURED_TOOLS since "4.0.0";
    /// Agent: where media are stored, `local` or `s3`; default `local`.
    MCP_MESH_MEDIA_STORAGE since "4.0.0";
    /// Agent: the folder of the local store; default `/tmp/mcp-mesh-media`.
    MCP_MESH_MEDIA_STORAGE_PATH since "4.0.0";
    /// Agent: the bucket of S3.
    MCP_MESH_MEDIA_STORAGE_BUCKET since "4.0.0";
    /// Agent: the URL of a server that speaks S3's protocol; default AWS.
    MCP_MESH_MEDIA_STORAGE_ENDPOINT since "4.0.0";
    /// Agent: what the key of every file begins with; default `media/`.
    MCP_MESH_MEDIA_STORAGE_PREFIX since "4.0.0";
    /// Agent: whether it starts only when its store can be used; default `false`.
    MCP_MESH_MEDIA_STORAGE_VALIDATE since "4.0.0";
}

/// A snapshot of the environment, taken once at the edge of the program. Where the system does not tell
/// `Path` from `PATH`, neither does it.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// What this process was started with; values that are not UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((key(name.into_string().ok()?), value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// The value of `name`; an empty value counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(&key(name.to_owned()))
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The names that have a value, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, _)| name.as_str())
    }

    /// The same with `pairs` on top of it.
    #[must_use]
    pub fn overlaid<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.0.extend(
            pairs
                .into_iter()
                .map(|(name, value)| (key(name.to_owned()), value.to_owned())),
        );
        self
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (key(name.into()), value.into()))
                .collect(),
        )
    }
}

/// The name as this system compares it.
fn key(name: String) -> String {
    if cfg!(windows) {
        name.to_ascii_uppercase()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_the_system_does() {
        let environment: Environment = [("Path", "a"), ("EMPTY", "")].into_iter().collect();
        assert_eq!(environment.get("Path"), Some("a"));
        assert_eq!(environment.get("PATH"), cfg!(windows).then_some("a"));
        assert_eq!(environment.get("EMPTY"), None);
        let overlaid = environment.overlaid([("PATH", "b")]);
        let expected = if cfg!(windows) { "b" } else { "a" };
        assert_eq!(overlaid.get("Path"), Some(expected));
    }
}
