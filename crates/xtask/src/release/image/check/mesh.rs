//! A mesh of containers: the registry, two agents of the examples in `python-runtime`, and `cli`.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::super::Image;
use super::Trial;
use super::server::{LOCKED, Server};
use super::stop::stop;
use crate::release::channel::Proof;
use crate::root;

/// Where agents in containers find the registry.
const URL: &str = "MCP_MESH_REGISTRY_URL=http://registry:8000";

pub(super) fn check(trial: &Trial<'_>) -> anyhow::Result<Vec<Proof>> {
    let network = trial.docker.name("mesh");
    trial.docker.network(&network)?;
    let connected = ["--network", network.as_str(), "--network-alias", "registry"];
    let server = Server::start(trial, "registry", &connected)?;

    let before = Instant::now();
    let agents = ["forecast", "planner"].map(|agent| start_agent(trial, &network, agent));
    let [forecast, planner] = agents;
    let agents = [forecast?, planner?];
    wait_until_wired(trial, &server, &agents)?;
    let wired = before.elapsed();

    let cli = trial.reference(Image::Cli)?;
    let meshctl = |arguments: &[&str]| {
        let mut all = vec!["--rm"];
        all.extend(LOCKED);
        all.extend(["--network", &network, "--env", URL, &cli]);
        trial.docker.run(&all).args(arguments).output()
    };
    let list = meshctl(&["list", "--json"])?;
    ensure!(
        ["forecast", "planner"]
            .iter()
            .all(|name| list.contains(name)),
        "`cli list --json` printed {list}"
    );
    let answer = meshctl(&["call", "planner:plan_day", r#"{"city": "Lisbon"}"#])?;
    ensure!(
        answer.contains("in Lisbon"),
        "the planner answered `{answer}`, which is no forecast"
    );
    for agent in &agents {
        trial.docker.until_healthy(agent, trial.patience())?;
    }
    let mut slowest = Duration::ZERO;
    for agent in &agents {
        slowest = slowest.max(stop(trial, agent)?);
        let log = trial.docker.logs(agent);
        ensure!(!log.contains("Traceback"), "`{agent}` says\n{log}");
    }
    server.remove()?;
    Ok(vec![Proof::new(
        format!(
            "a registry and two agents from `python-runtime` are wired {:.1} s after their start, all \
             read-only; `cli call` is answered through both; they get healthy, and SIGTERM ends them \
             in {:.1} s",
            wired.as_secs_f64(),
            slowest.as_secs_f64()
        ),
        trial.how("docker run, with the agents of `examples/` mounted"),
    )])
}

fn start_agent(trial: &Trial<'_>, network: &str, agent: &str) -> anyhow::Result<String> {
    let name = trial.docker.name(agent);
    let folder = root::checkout().join("examples").join(agent);
    let mount = format!("{}:/app:ro", folder.display());
    let image = trial.reference(Image::PythonRuntime)?;
    let mut arguments = LOCKED.to_vec();
    arguments.extend(["--tmpfs", "/tmp", "--network", network, "--volume", &mount]);
    arguments.extend(["--env", URL, &image, "main.py"]);
    trial.docker.start(&name, &arguments)?;
    Ok(name)
}

fn wait_until_wired(
    trial: &Trial<'_>,
    server: &Server<'_>,
    agents: &[String],
) -> anyhow::Result<()> {
    let deadline = Instant::now() + trial.patience();
    loop {
        let list = server.agents()?;
        let planner = list.agents.iter().find(|agent| agent.name == "planner");
        if planner.is_some_and(|planner| planner.dependencies_resolved == 1) {
            return Ok(());
        }
        for agent in agents {
            let state = trial.docker.inspect(agent, "{{.State.Status}}")?;
            let log = || trial.docker.logs(agent);
            ensure!(state == "running", "`{agent}` is {state}\n{}", log());
        }
        if Instant::now() > deadline {
            let logs: Vec<_> = agents
                .iter()
                .map(|agent| trial.docker.logs(agent))
                .collect();
            let known = serde_json::to_string(&list)
                .context("the registry's list of agents cannot be shown")?;
            bail!("the planner is not wired: {known}\n{}", logs.join("\n"));
        }
        thread::sleep(Duration::from_millis(100));
    }
}
