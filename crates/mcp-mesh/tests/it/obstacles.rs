//! Files and folders that are not what a command expects where it needs them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use mesh_core::env::EnvVars;
use mesh_test::{TestContext, mesh_snapshot, session, test_context};

fn folder(context: &TestContext, name: &str) {
    fs::create_dir_all(context.home().join(name)).expect("the home is writable");
}

fn authority() -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/certificates");
    PathBuf::from(folder).join("authority.pem")
}

#[test]
fn a_state_directory_that_is_a_file_stops_what_needs_it() {
    let context = test_context!();
    let _ = context.write("occupied", "");
    let meshctl = || {
        let mut command = context.meshctl();
        command.env(EnvVars::MCP_MESH_HOME, context.home().join("occupied"));
        command
    };
    let lines = [
        "start --registry-only -d",
        "stop",
        "stop greeter",
        "logs greeter",
        "logs --list",
        "entity list",
        "registry stop",
    ];
    mesh_snapshot!(context, said: session(meshctl, &lines), @r"
        $ meshctl start --registry-only -d
        Error: cannot create `[HOME]/occupied/pids`: Not a directory (os error 20)
        Hint: set `MCP_MESH_HOME` to a directory that can be written
        exit: 1
        $ meshctl stop
        Error: cannot create `[HOME]/occupied/pids`: Not a directory (os error 20)
        Hint: set `MCP_MESH_HOME` to a directory that can be written
        exit: 1
        $ meshctl stop greeter
        Error: cannot create `[HOME]/occupied/pids`: Not a directory (os error 20)
        Hint: set `MCP_MESH_HOME` to a directory that can be written
        exit: 1
        $ meshctl logs greeter
        Error: log file not found for agent 'greeter'
        Hint: `meshctl logs --list` shows the logs that there are
        exit: 1
        $ meshctl logs --list
        No logs yet
        exit: 0
        $ meshctl entity list
        Error: cannot list `[HOME]/occupied/tls/entities`: Not a directory (os error 20)
        exit: 1
        $ meshctl registry stop
        Error: cannot create `[HOME]/occupied/pids`: Not a directory (os error 20)
        Hint: set `MCP_MESH_HOME` to a directory that can be written
        exit: 1
        ");
    // What only tells where it is does.
    let shown = meshctl().args(["config", "show"]).output();
    assert!(shown.unwrap().status.success());
}

#[test]
fn what_lies_in_the_way_of_a_record_is_named() {
    let context = test_context!();
    folder(&context, ".mcp-mesh/pids/greeter.pid");
    mesh_snapshot!(context, said: session(|| context.meshctl(), &["stop", "stop greeter"]), @r"
        $ meshctl stop
        Error: cannot read `[HOME]/.mcp-mesh/pids/greeter.pid`: Is a directory (os error 21)
        exit: 1
        $ meshctl stop greeter
        Error: cannot read `[HOME]/.mcp-mesh/pids/greeter.pid`: Is a directory (os error 21)
        exit: 1
        ");
    let context = test_context!();
    folder(&context, ".mcp-mesh/lifecycle.lock");
    mesh_snapshot!(context, said: session(|| context.meshctl(), &["stop"]), @r"
        $ meshctl stop
        Error: cannot lock `[HOME]/.mcp-mesh/lifecycle.lock`: Is a directory (os error 21)
        Hint: set `MCP_MESH_HOME` to a directory that can be written
        exit: 1
        ");
    let context = test_context!();
    folder(&context, ".mcp-mesh/logs/greeter.log/inside");
    mesh_snapshot!(
        context,
        said: session(|| context.meshctl(), &["stop --clean"]),
        @r"
        $ meshctl stop --clean
        No agents running in background
        Error: cannot delete `[HOME]/.mcp-mesh/logs/greeter.log`: Is a directory (os error 21)
        exit: 1
        "
    );
}

#[test]
fn a_configuration_that_is_no_file_is_named() {
    let context = test_context!();
    let meshctl = || {
        let mut command = context.meshctl();
        command.env("XDG_CONFIG_HOME", context.home().join("config"));
        command
    };
    folder(&context, "config/mcp-mesh/config.toml");
    let lines = [
        "list",
        "config show",
        "config get registry_port",
        "config set registry_port 9",
        "config unset registry_port",
    ];
    mesh_snapshot!(context, said: session(meshctl, &lines), @r"
        $ meshctl list
        Error: cannot read `[HOME]/config/mcp-mesh/config.toml`: Is a directory (os error 21)
        exit: 1
        $ meshctl config show
        Error: cannot read `[HOME]/config/mcp-mesh/config.toml`: Is a directory (os error 21)
        exit: 1
        $ meshctl config get registry_port
        Error: cannot read `[HOME]/config/mcp-mesh/config.toml`: Is a directory (os error 21)
        exit: 1
        $ meshctl config set registry_port 9
        Error: cannot read `[HOME]/config/mcp-mesh/config.toml`: Is a directory (os error 21)
        exit: 1
        $ meshctl config unset registry_port
        Error: cannot read `[HOME]/config/mcp-mesh/config.toml`: Is a directory (os error 21)
        exit: 1
        ");
    fs::remove_dir_all(context.home().join("config")).unwrap();
    let _ = context.write("config", "");
    mesh_snapshot!(context, said: session(meshctl, &["config set registry_port 9", "list"]), @r"
        $ meshctl config set registry_port 9
        Error: cannot read `[HOME]/config/mcp-mesh/config.toml`: Not a directory (os error 20)
        exit: 1
        $ meshctl list
        Error: cannot read `[HOME]/config/mcp-mesh/config.toml`: Not a directory (os error 20)
        exit: 1
        ");
}

#[test]
fn values_of_the_configuration_are_judged_where_they_are_set() {
    let context = test_context!();
    let lines = [
        "config set registry_url localhost:8000",
        "config set registry_host http://here",
        "config set db_path mesh.db",
        "config set startup_timeout 0",
        "config set debug_mode perhaps",
        "config get registri_port",
        "config unset registri_port",
    ];
    mesh_snapshot!(context, said: session(|| context.meshctl(), &lines), @r#"
        $ meshctl config set registry_url localhost:8000
        Error: `registry_url`: `localhost:8000` is not a URL such as "http://localhost:8000"
        exit: 1
        $ meshctl config set registry_host http://here
        Error: `registry_host`: `http://here` is not the name or address of a host
        exit: 1
        $ meshctl config set db_path mesh.db
        Error: `db_path`: `mesh.db` is not an absolute path, or one that starts with `~/`
        exit: 1
        $ meshctl config set startup_timeout 0
        Error: `startup_timeout`: `0` is not a whole number of seconds, at least 1
        exit: 1
        $ meshctl config set debug_mode perhaps
        Error: `debug_mode`: `perhaps` is not true or false
        exit: 1
        $ meshctl config get registri_port
        Error: unknown key `registri_port`
        Hint: did you mean `registry_port`?
        exit: 1
        $ meshctl config unset registri_port
        `registri_port` is not set in [HOME]/.config/mcp-mesh/config.toml
        exit: 0
        "#);
}

/// Where the system knows no other home of the user's than the variable.
#[test]
fn without_a_home_its_variable_is_asked_for() {
    let context = test_context!();
    let meshctl = || {
        let mut command = context.meshctl();
        command
            .env("HOME", "nowhere")
            .env_remove(EnvVars::MCP_MESH_HOME);
        command.env_remove("XDG_CONFIG_HOME");
        command
    };
    mesh_snapshot!(
        context,
        said: session(meshctl, &["stop", "logs greeter", "config path", "entity list", "list"]),
        @r"
        $ meshctl stop
        Error: the user has no home directory
        Hint: set `MCP_MESH_HOME` to the directory that shall hold the state
        exit: 1
        $ meshctl logs greeter
        Error: the user has no home directory
        Hint: set `MCP_MESH_HOME` to the directory that shall hold the state
        exit: 1
        $ meshctl config path
        Error: the user has no home directory
        Hint: set `XDG_CONFIG_HOME` to the directory that shall hold configuration
        exit: 1
        $ meshctl entity list
        Error: the user has no home directory
        Hint: set `MCP_MESH_HOME` to the directory that shall hold the state
        exit: 1
        $ meshctl list
        Registry: not running (http://localhost:8000)
        exit: 0
        "
    );
}

#[test]
fn a_folder_of_authorities_that_is_none_is_named() {
    let context = test_context!();
    fs::copy(authority(), context.home().join("authority.pem")).unwrap();
    let _ = context.write(".mcp-mesh/tls/entities", "");
    let lines = [
        "entity list",
        "entity register acme --ca-cert authority.pem",
        "entity revoke acme --force",
    ];
    mesh_snapshot!(context, said: session(|| context.meshctl(), &lines), @r"
        $ meshctl entity list
        Error: cannot list `[HOME]/.mcp-mesh/tls/entities`: Not a directory (os error 20)
        exit: 1
        $ meshctl entity register acme --ca-cert authority.pem
        Error: cannot create `[HOME]/.mcp-mesh/tls/entities`: File exists (os error 17)
        Hint: name a folder that can be written with `--trust-dir` or `MCP_MESH_TRUST_DIR`
        exit: 1
        $ meshctl entity revoke acme --force
        Error: cannot look at `[HOME]/.mcp-mesh/tls/entities/acme.pem`: Not a directory (os error 20)
        exit: 1
        ");
    fs::remove_file(context.state().join("tls/entities")).unwrap();
    folder(&context, ".mcp-mesh/tls/entities/acme.pem/inside");
    let lines = [
        "entity list",
        "entity register acme --ca-cert authority.pem",
        "entity register acme --ca-cert authority.pem --force",
        "entity register acme --ca-cert .",
        "entity revoke acme --force",
    ];
    mesh_snapshot!(context, said: session(|| context.meshctl(), &lines), @r"
        $ meshctl entity list
        No trusted entities registered. Use 'meshctl entity register' to add one.
        Warning: `entities/acme.pem` is left out: Is a directory (os error 21)
        exit: 0
        $ meshctl entity register acme --ca-cert authority.pem
        Error: entity 'acme' already registered, use --force to overwrite
        exit: 1
        $ meshctl entity register acme --ca-cert authority.pem --force
        Error: cannot write `[HOME]/.mcp-mesh/tls/entities/acme.pem`: Is a directory (os error 21)
        exit: 1
        $ meshctl entity register acme --ca-cert .
        Error: failed to read `.`: Is a directory (os error 21)
        exit: 1
        $ meshctl entity revoke acme --force
        Error: cannot remove `[HOME]/.mcp-mesh/tls/entities/acme.pem`: Is a directory (os error 21)
        exit: 1
        ");
}

#[test]
fn a_current_folder_that_is_gone_is_told() {
    let context = test_context!();
    folder(&context, "gone");
    let meshctl = context.meshctl();
    let mut shell = Command::new("sh");
    shell.envs(
        meshctl
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    shell.env_remove(EnvVars::MCP_MESH_REGISTRY_URL);
    shell.current_dir(context.home().join("gone"));
    let program = meshctl.get_program().display();
    shell.args([
        "-c",
        &format!("rmdir ../gone; exec {program} start greeter.py"),
    ]);
    mesh_snapshot!(context, shell, @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the current directory is gone
        Hint: go to another one
        ");
}

#[test]
fn a_watcher_needs_its_orders() {
    let context = test_context!();
    mesh_snapshot!(context, said: session(|| context.meshctl(), &["watch-agent"]), @r"
        $ meshctl watch-agent
        Error: this is no order to watch an agent: EOF while parsing a value at line 1 column 0
        Hint: `meshctl start --watch` gives them
        exit: 1
        ");
}

const NOBODY: u32 = 65534;
/// What is written into.
const FOLDERS: [&str; 8] = [
    "",
    ".config/mcp-mesh",
    ".mcp-mesh",
    ".mcp-mesh/logs",
    ".mcp-mesh/pids",
    ".mcp-mesh/registry",
    ".mcp-mesh/registry/deps",
    ".mcp-mesh/tls/entities",
];
/// What is read.
const FILES: [&str; 4] = [
    ".mcp-mesh/logs/greeter.log",
    "secret.json",
    "secret.py",
    "secret.yaml",
];

/// A home whose files cannot be read, and whose folders cannot be written; until it is dropped.
struct Forbidden {
    context: TestContext,
}

impl Forbidden {
    fn new() -> Self {
        let context = test_context!();
        for name in FOLDERS {
            folder(&context, name);
        }
        for name in FILES {
            let _ = context.write(name, "");
        }
        let _ = context.write(".mcp-mesh/tls/entities/acme.pem", "");
        fs::copy(authority(), context.home().join("authority.pem")).expect("the home is writable");
        let program = context.home().join("meshctl");
        fs::copy(context.meshctl().get_program(), program).expect("the home is writable");
        let forbidden = Self { context };
        forbidden.set_modes(0, 0o555);
        forbidden
    }

    fn set_modes(&self, file: u32, folder: u32) {
        let files = FILES.iter().map(|name| (name, file));
        for (name, mode) in files.chain(FOLDERS.iter().map(|name| (name, folder))) {
            let path = self.context.home().join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("they are ours");
        }
    }

    /// As somebody who is not root, for whom nothing is forbidden.
    fn meshctl(&self) -> Command {
        let prepared = self.context.meshctl();
        let mut command = Command::new(self.context.home().join("meshctl"));
        let variables = prepared.get_envs();
        command.env_clear();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.context.home());
        let is_root = fs::metadata(self.context.home()).is_ok_and(|home| home.uid() == 0);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        self.set_modes(0o600, 0o700);
    }
}

#[test]
fn what_may_not_be_touched_is_named() {
    let forbidden = Forbidden::new();
    let lines = [
        "logs greeter",
        "logs greeter --since 1h",
        "logs greeter -f",
        "stop",
        "start -d secret.py",
        "start --registry-only -d",
        "call book --file secret.json",
        "config set registry_port 9",
        "entity register other --ca-cert authority.pem",
        "entity revoke acme --force",
        "scaffold basic -n a",
        "scaffold --config secret.yaml",
    ];
    mesh_snapshot!(forbidden.context, said: session(|| forbidden.meshctl(), &lines), @r"
        $ meshctl logs greeter
        Error: cannot read `[HOME]/.mcp-mesh/logs/greeter.log`: Permission denied (os error 13)
        exit: 1
        $ meshctl logs greeter --since 1h
        Error: cannot read `[HOME]/.mcp-mesh/logs/greeter.log`: Permission denied (os error 13)
        exit: 1
        $ meshctl logs greeter -f
        Error: cannot read `[HOME]/.mcp-mesh/logs/greeter.log`: Permission denied (os error 13)
        exit: 1
        $ meshctl stop
        Error: cannot lock `[HOME]/.mcp-mesh/lifecycle.lock`: Permission denied (os error 13)
        Hint: set `MCP_MESH_HOME` to a directory that can be written
        exit: 1
        $ meshctl start -d secret.py
        Error: cannot read `[HOME]/secret.py`: Permission denied (os error 13)
        exit: 1
        $ meshctl start --registry-only -d
        Error: cannot lock `[HOME]/.mcp-mesh/lifecycle.lock`: Permission denied (os error 13)
        Hint: set `MCP_MESH_HOME` to a directory that can be written
        exit: 1
        $ meshctl call book --file secret.json
        Error: cannot read `secret.json`: Permission denied (os error 13)
        exit: 1
        $ meshctl config set registry_port 9
        Error: cannot write `[HOME]/.config/mcp-mesh/config.toml`: permission denied
        exit: 1
        $ meshctl entity register other --ca-cert authority.pem
        Error: cannot write `[HOME]/.mcp-mesh/tls/entities/other.pem`: permission denied
        exit: 1
        $ meshctl entity revoke acme --force
        Error: cannot remove `[HOME]/.mcp-mesh/tls/entities/acme.pem`: Permission denied (os error 13)
        exit: 1
        $ meshctl scaffold basic -n a
        Error: cannot make a folder in `.`: permission denied
        Hint: choose a folder of yours with `--output`
        exit: 1
        $ meshctl scaffold --config secret.yaml
        Error: cannot read `secret.yaml`: Permission denied (os error 13)
        exit: 1
        ");
}
