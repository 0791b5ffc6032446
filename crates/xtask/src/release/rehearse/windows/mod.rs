//! The programs for Windows, out of the archive that Scoop takes, run by Wine.

mod machine;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use mesh_test::{Request, Script, ScriptedServer, fake};
use serde_json::{Value, json};

use self::machine::{Machine, patiently};
use super::report::Row;
use crate::release::archive::Files;
use crate::release::checksums::sha256_of_file;
use crate::release::{ReleaseVersion, Target, stand_ins};
use crate::root;

const CHANNEL: &str = "Windows x86_64 programs";
/// What a registry gets to end in order.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Takes the release in `upload` as Scoop does and uses both programs, in a Windows of their own.
pub(super) fn under_wine(
    upload: &Path,
    scratch: &Path,
    version: &ReleaseVersion,
) -> anyhow::Result<Vec<Row>> {
    let target: Target = "x86_64-pc-windows-msvc".parse()?;
    if stand_ins::stands_in(&upload.join(target.archive()), target)? {
        let why = "not built: `make cross-toolchain` sets up the compilers, where Debian has them";
        return Ok(vec![Row::left(CHANNEL, why)]);
    }
    let template = root::checkout().join(".tools/wine");
    if !Machine::is_set_up(&template) {
        return Ok(vec![Row::left(CHANNEL, "needs `make wine`")]);
    }
    let machine = Machine::new(&template, &scratch.join("windows"))?;
    let rows = on(&machine, upload, version);
    machine.remove()?;
    rows
}

fn on(machine: &Machine, upload: &Path, version: &ReleaseVersion) -> anyhow::Result<Vec<Row>> {
    let folder = scoop_install(machine, upload, version)?;
    let trial = Trial { machine, folder };
    trial.programs_tell_their_version(version)?;
    trial.a_registry_ends_with_its_console()?;
    trial.what_starts_stops()?;
    trial.an_agent_elsewhere_is_listed_and_called()?;
    trial.nobody_stumbles_over_another()?;
    trial.whoever_is_killed_leaves_nothing_locked()?;
    Ok(vec![
        Row::real(
            "Scoop zip",
            "the manifest's hash is the archive's; unpacked as Scoop does, both programs of `bin` run",
            "by hand, below `scoop/apps` in an empty Windows",
        )
        .but_for("Scoop itself; its programs are those for -gnu"),
        Row::real(
            &format!("{CHANNEL}, for -gnu, in Wine"),
            "start, list, status, call, logs, stop; two starts and a stop at once; a killed meshctl locks nothing, \
             a killed registry goes on with its data; Ctrl-C ends both in order",
            "out of the Scoop zip, compiled for x86_64-pc-windows-gnu, run by Wine; the agent that is called \
             runs on Linux",
        ),
        Row::left(
            &format!("{CHANNEL}, for -msvc"),
            "no such compiler or linker here; the workflow builds them",
        ),
        Row::left(
            "Windows: agents in Python, and Ctrl-Break",
            "no package registry has Python for Windows, and Wine 8 delivers no Ctrl-Break: there, `stop` ends the \
             job at once; process tests start agents that are programs of our own",
        ),
    ])
}

/// What `scoop install` does: the hash, the folder, the programs. The folder that is current.
fn scoop_install(
    machine: &Machine,
    upload: &Path,
    version: &ReleaseVersion,
) -> anyhow::Result<PathBuf> {
    let manifest = upload.join("mcp-mesh.json");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("failed to read `{}`", manifest.display()))?;
    let manifest: Value = serde_json::from_str(&text)?;
    let download = &manifest["architecture"]["64bit"];
    let url = download["url"].as_str().unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    let archive = upload.join(name);
    let hash = sha256_of_file(&archive)?;
    ensure!(
        download["hash"] == hash.as_str(),
        "the manifest says that `{name}` has the hash {}, and it has {hash}",
        download["hash"]
    );
    let apps = machine.user_folder().join("scoop/apps/mcp-mesh");
    let folder = apps.join(version.to_string());
    Files::unpack(&archive)?.write_into(&folder)?;
    let programs = manifest["bin"]
        .as_array()
        .context("the manifest's `bin` is no list")?;
    for program in programs.iter().filter_map(Value::as_str) {
        ensure!(
            folder.join(program).is_file(),
            "`{program}` of the manifest's `bin` is not in `{name}`"
        );
    }
    Ok(folder)
}

/// The programs in a folder of the machine.
struct Trial<'a> {
    machine: &'a Machine,
    folder: PathBuf,
}

impl Trial<'_> {
    fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs meshctl, which must succeed; what it said.
    fn meshctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let (code, said) = self.try_meshctl(arguments)?;
        ensure!(code == Some(0), "`meshctl {}`: {said}", arguments.join(" "));
        Ok(said)
    }

    fn try_meshctl(&self, arguments: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
        self.machine.run(&self.program("meshctl.exe"), arguments)
    }

    fn programs_tell_their_version(&self, version: &ReleaseVersion) -> anyhow::Result<()> {
        let said = self.meshctl(&["version"])?;
        ensure!(
            said.trim() == format!("meshctl version {version}"),
            "`meshctl version` says `{said}`"
        );
        let registry = self.program("mcp-mesh-registry.exe");
        let (code, said) = self.machine.run(&registry, &["--help"])?;
        ensure!(
            code == Some(0) && said.contains("Usage: mcp-mesh-registry"),
            "`mcp-mesh-registry --help` says `{said}`"
        );
        // Who asks for an update is told who installed it.
        let (_, said) = self.try_meshctl(&["self", "update"])?;
        ensure!(
            said.contains("scoop update mcp-mesh"),
            "`meshctl self update` says `{said}`"
        );
        Ok(())
    }

    fn a_registry_ends_with_its_console(&self) -> anyhow::Result<()> {
        let port = self.machine.port().to_string();
        let mut registry = self
            .machine
            .start(&self.program("mcp-mesh-registry.exe"), &["--port", &port])?;
        patiently("the registry answers", || self.machine.registry_answers())?;
        registry.press_ctrl_c()?;
        registry.ends_within(STOP_LIMIT)?;
        let said = registry.said()?;
        ensure!(said.contains("stopped"), "the registry says `{said}`");
        Ok(())
    }

    fn what_starts_stops(&self) -> anyhow::Result<()> {
        let said = self.meshctl(&["start", "--registry-only", "-d"])?;
        ensure!(said.contains("Registry started"), "`start` says `{said}`");
        ensure!(
            self.machine.registry_answers(),
            "nobody answers after `start`"
        );
        let said = self.meshctl(&["list"])?;
        ensure!(said.contains("No agents found"), "`list` says `{said}`");
        let said = self.meshctl(&["status"])?;
        ensure!(said.contains("No healthy agents"), "`status` says `{said}`");
        let said = self.meshctl(&["logs", "registry"])?;
        ensure!(said.contains("listening on"), "`logs` says `{said}`");
        let (code, said) = self.try_meshctl(&["start", "--registry-only", "-d"])?;
        ensure!(
            code == Some(1) && said.contains("already running"),
            "a second `start` says `{said}`"
        );
        let said = self.meshctl(&["stop"])?;
        ensure!(said.contains("registry stopped"), "`stop` says `{said}`");
        ensure!(!self.machine.registry_answers(), "it answers after `stop`");

        let mut start = self
            .machine
            .start(&self.program("meshctl.exe"), &["start", "--registry-only"])?;
        patiently("the registry answers", || self.machine.registry_answers())?;
        start.press_ctrl_c()?;
        start.ends_within(STOP_LIMIT)?;
        ensure!(!self.machine.registry_answers(), "it answers after Ctrl-C");
        Ok(())
    }

    fn an_agent_elsewhere_is_listed_and_called(&self) -> anyhow::Result<()> {
        self.meshctl(&["start", "--registry-only", "-d"])?;
        let agent = ScriptedServer::start(answer);
        let endpoint = format!("http://{}", agent.address());
        let registration = fake::agent("greeter", &endpoint, vec![fake::tool("greeting")]);
        self.machine.register(&registration)?;
        let said = self.meshctl(&["list"])?;
        ensure!(said.contains("1 agent (1 healthy)"), "`list` says `{said}`");
        let said = self.meshctl(&["status", "greeter"])?;
        ensure!(said.contains("greeting"), "`status` says `{said}`");
        let tool = registration
            .tools
            .first()
            .context("the agent of the trial has no tool")?
            .function_name
            .clone();
        let said = self.meshctl(&["call", &tool])?;
        ensure!(said.contains("from Linux"), "`call` says `{said}`");

        // On the same data after a kill.
        self.machine.kill_recorded("registry")?;
        patiently("the registry is gone", || !self.machine.registry_answers())?;
        self.meshctl(&["start", "--registry-only", "-d"])?;
        let said = self.meshctl(&["list"])?;
        ensure!(
            said.contains("greeter"),
            "after a kill `list` says `{said}`"
        );
        self.meshctl(&["stop"])?;
        Ok(())
    }

    fn nobody_stumbles_over_another(&self) -> anyhow::Result<()> {
        let starts = [
            "start --registry-only -d",
            "start --registry-only -d",
            "stop",
        ];
        let running: Vec<_> = starts
            .iter()
            .map(|line| {
                let arguments: Vec<_> = line.split(' ').collect();
                self.machine.start(&self.program("meshctl.exe"), &arguments)
            })
            .collect::<anyhow::Result<_>>()?;
        for mut command in running {
            command.ends_within(Duration::from_mins(1))?;
            let said = command.said()?;
            ensure!(!said.contains("os error"), "at once with others: `{said}`");
        }
        self.meshctl(&["stop"])?;
        ensure!(!self.machine.registry_answers(), "it answers after `stop`");
        let left = self.machine.recorded()?;
        ensure!(left.is_empty(), "`stop` leaves {left:?}");
        Ok(())
    }

    fn whoever_is_killed_leaves_nothing_locked(&self) -> anyhow::Result<()> {
        let mut start = self
            .machine
            .start(&self.program("meshctl.exe"), &["start", "--registry-only"])?;
        patiently("the registry answers", || self.machine.registry_answers())?;
        start.kill()?;
        self.meshctl(&["list"])?;
        let said = self.meshctl(&["stop"])?;
        ensure!(said.contains("registry stopped"), "`stop` says `{said}`");
        ensure!(!self.machine.registry_answers(), "it answers after `stop`");
        Ok(())
    }
}

/// An agent's side of `meshctl call`.
fn answer(request: &Request) -> Script {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let result = match asked["method"].as_str() {
        Some("tools/call") => {
            json!({ "content": [{ "type": "text", "text": "greetings from Linux" }] })
        }
        _ => json!({ "tools": [{ "name": "greeting", "inputSchema": { "type": "object" } }] }),
    };
    Script::json(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string())
}
