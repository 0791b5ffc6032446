//! The registry's image: starts, keeps what it knows, and says what is wrong.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mesh_core::wire::AgentList;
use mesh_test::{fake, free_port};
use ureq::Agent;

use super::super::Image;
use super::Trial;
use super::stop::stop;
use crate::release::channel::Proof;

/// What somebody who trusts nobody adds.
pub(super) const LOCKED: [&str; 5] = [
    "--read-only",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
];

/// A registry in a container, reached as a user reaches it.
pub(super) struct Server<'a> {
    trial: &'a Trial<'a>,
    pub(super) name: String,
    url: String,
    http: Agent,
    /// From `docker run` to the first answer.
    pub(super) took: Duration,
}

impl<'a> Server<'a> {
    /// Starts it with a volume of its own, and waits for its answer.
    pub(super) fn start(
        trial: &'a Trial<'a>,
        name: &str,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        let port = free_port().context("there is no free port")?;
        let volume = trial.docker.name(&format!("{name}-data"));
        let name = trial.docker.name(name);
        trial.docker.volume(&volume)?;
        let image = trial.reference(Image::Registry)?;
        let publish = format!("127.0.0.1:{port}:8000");
        let mount = format!("{volume}:/data");
        let mut arguments = LOCKED.to_vec();
        arguments.extend(["--publish", &publish, "--volume", &mount]);
        arguments.extend(options);
        arguments.push(&image);
        let http: Agent = Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(5)))
            .build()
            .into();
        let before = Instant::now();
        trial.docker.start(&name, &arguments)?;
        let mut server = Self {
            trial,
            name,
            url: format!("http://127.0.0.1:{port}"),
            http,
            took: Duration::ZERO,
        };
        server.wait_for_health()?;
        server.took = before.elapsed();
        Ok(server)
    }

    fn wait_for_health(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + self.trial.patience();
        let url = format!("{}/health", self.url);
        while let Err(error) = self.http.get(&url).call() {
            if Instant::now() > deadline {
                let log = self.trial.docker.logs(&self.name);
                bail!("`{url}` is not answered: {error}\n{log}");
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Registers an agent that does not exist.
    fn register(&self, name: &str) -> anyhow::Result<()> {
        let agent = fake::agent(name, "http://192.0.2.1:8080", vec![fake::tool("greet")]);
        self.http
            .post(format!("{}/heartbeat", self.url))
            .send_json(&agent)
            .with_context(|| format!("the registry does not take the agent `{name}`"))?;
        Ok(())
    }

    /// Everybody that it knows.
    pub(super) fn agents(&self) -> anyhow::Result<AgentList> {
        self.http
            .get(format!("{}/agents", self.url))
            .call()
            .and_then(|mut response| response.body_mut().read_json())
            .context("the registry does not list its agents")
    }

    fn ensure_known(&self, name: &str, after: &str) -> anyhow::Result<()> {
        let known = self.agents()?;
        ensure!(
            known.agents.iter().any(|agent| agent.id == name),
            "the registry has forgotten `{name}` after {after}\n{}",
            self.trial.docker.logs(&self.name)
        );
        Ok(())
    }

    fn start_again(&self) -> anyhow::Result<()> {
        self.trial.docker.command(&["start", &self.name]).output()?;
        self.wait_for_health()
    }

    /// Ends it, with its data.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        self.trial
            .docker
            .command(&["rm", "--force", "--volumes", &self.name])
            .output()?;
        Ok(())
    }
}

/// From `docker run` to an answer, the median of several; then until docker calls it healthy.
pub(super) fn starts(trial: &Trial<'_>) -> anyhow::Result<Vec<Proof>> {
    let runs = if trial.is_native() { 5 } else { 1 };
    let mut times = Vec::new();
    for run in 0..runs {
        let server = Server::start(trial, &format!("start-{run}"), &[])?;
        times.push(server.took);
        server.remove()?;
    }
    times.sort();
    let median = times[times.len() / 2];

    let server = Server::start(trial, "healthy", &[])?;
    let healthy = trial.docker.until_healthy(&server.name, trial.patience())?;
    // `docker top` needs no program in the image, which has none.
    let users = trial
        .docker
        .command(&["top", &server.name, "-eo", "uid,pid"])
        .output()?;
    let user = users.lines().nth(1).unwrap_or_default();
    ensure!(
        user.split_whitespace().next() == Some("1001"),
        "the registry's process is not of user 1001: {users}"
    );
    server.remove()?;

    let image = trial.reference(Image::Registry)?;
    let said = trial
        .docker
        .fails(&["--network", "none", &image, "--healthcheck"])?;
    ensure!(
        said.lines().count() == 1,
        "`--healthcheck` of no registry says `{said}`, expected one line"
    );
    Ok(vec![
        Proof::new(
            format!(
                "start-up: /health answers {} ms after `docker run`",
                median.as_millis()
            ),
            trial.how(&format!("median of {runs}, docker's own part included")),
        ),
        Proof::new(
            format!(
                "healthy for docker {:.1} s later, as user 1001, root file system read-only; \
                 `--healthcheck` fails with one line where no registry is",
                healthy.as_secs_f64()
            ),
            trial.how("docker run --read-only --cap-drop ALL"),
        ),
    ])
}

/// Neither a stop nor a kill loses an agent that was acknowledged.
pub(super) fn keeps_its_data(trial: &Trial<'_>) -> anyhow::Result<Vec<Proof>> {
    let server = Server::start(trial, "data", &[])?;
    server.register("stopped")?;
    let took = stop(trial, &server.name)?;
    server.start_again()?;
    server.ensure_known("stopped", "SIGTERM")?;

    server.register("killed")?;
    trial
        .docker
        .command(&["kill", "--signal", "KILL", &server.name])
        .output()?;
    server.start_again()?;
    server.ensure_known("killed", "SIGKILL")?;
    server.ensure_known("stopped", "SIGKILL")?;
    server.remove()?;
    Ok(vec![Proof::new(
        format!(
            "SIGTERM ends it in {:.1} s with exit code 0; after SIGTERM and after SIGKILL it starts \
             on its data and knows its agents",
            took.as_secs_f64()
        ),
        trial.how("docker stop, kill and start"),
    )])
}

/// A `/data` that cannot be written is said, not retried.
pub(super) fn says_when_it_cannot_write(trial: &Trial<'_>) -> anyhow::Result<Vec<Proof>> {
    let image = trial.reference(Image::Registry)?;
    let volume = trial.docker.name("read-only-data");
    trial.docker.volume(&volume)?;
    let read_only = format!("{volume}:/data:ro");
    let cases = [
        ("a read-only volume", ["--volume", &read_only]),
        (
            "somebody else's folder",
            ["--tmpfs", "/data:mode=0755,uid=0"],
        ),
    ];
    for (case, mount) in cases {
        let before = Instant::now();
        let said = trial
            .docker
            .fails(&["--network", "none", mount[0], mount[1], &image])
            .with_context(|| format!("with {case} as `/data`"))?;
        ensure!(
            said.contains("/data"),
            "with {case} as `/data` the registry says `{said}`, which does not name `/data`"
        );
        let took = before.elapsed();
        ensure!(
            took < trial.patience() / 4,
            "with {case} as `/data` the registry took {took:.1?} to say so"
        );
    }
    Ok(vec![Proof::new(
        "ends with a line about `/data` when it may not write there",
        trial.how("a read-only volume, and a folder of root's"),
    )])
}
