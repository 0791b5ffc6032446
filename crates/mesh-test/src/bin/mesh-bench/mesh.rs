//! A registry with a whole mesh registered in it, ready to be measured.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use mesh_core::env::EnvVars;
use mesh_test::http1::request;
use mesh_test::{Heartbeat, Population, Readiness, RegistryCommand, RegistryProcess, fake};
use tempfile::TempDir;

use crate::load::{self, Load, Outcome};
use crate::sizes::{CONNECTIONS, STORM_CONNECTIONS, WAITING_AGENTS};

/// Whose registry is measured.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// For the report.
    pub(crate) name: &'static str,
    program: PathBuf,
    readiness: Readiness,
}

impl Subject {
    /// The registry `program`.
    pub(crate) fn new(
        name: &'static str,
        program: &Path,
        readiness: Readiness,
    ) -> anyhow::Result<Self> {
        let program = program.canonicalize().with_context(|| {
            format!(
                "no registry at `{}`; build it with `cargo build --release -p mcp-mesh`, or name one with --registry",
                program.display()
            )
        })?;
        Ok(Self {
            name,
            program,
            readiness,
        })
    }

    /// How to start it with its files in `home`. Nobody ages in a benchmark.
    pub(crate) fn command(&self, home: &Path) -> RegistryCommand {
        RegistryCommand::new(&self.program, home)
            .readiness(self.readiness)
            .env(EnvVars::DEFAULT_TIMEOUT_THRESHOLD, "3600")
            .env(EnvVars::MCP_MESH_LOG_LEVEL, "WARNING")
    }
}

/// A registry and the mesh in it.
#[derive(Debug)]
pub(crate) struct Mesh {
    /// The process.
    pub(crate) registry: RegistryProcess,
    /// Who is registered.
    pub(crate) population: Population,
    /// Everybody's first registration.
    pub(crate) storm: Outcome,
    heartbeats: Vec<Heartbeat>,
    heads: Vec<Vec<u8>>,
    sent: usize,
    limit: Duration,
    // Dropped last, after the process that writes into it.
    _home: TempDir,
}

impl Mesh {
    /// Starts a registry and lets `size` agents storm it.
    pub(crate) fn raise(subject: &Subject, size: usize, limit: Duration) -> anyhow::Result<Self> {
        let population = Population::of(size);
        let mut heartbeats: Vec<_> = (0..size).map(|index| population.heartbeat(index)).collect();
        let heads = (0..size)
            .map(|index| request("HEAD", &format!("/heartbeat/{}", population.id(index)), b""))
            .collect();
        let home = TempDir::with_prefix("mesh-bench-")?;
        let registry = subject.command(home.path()).start()?;
        let load = Load {
            address: registry.address(),
            pid: registry.pid().context("the registry runs")?,
            connections: STORM_CONNECTIONS.min(size),
            requests: size,
            limit,
        };
        let storm = load::send(
            load,
            &mut |number, out| *out = post(heartbeats[number].stamped(number)),
            &mut |_, _| (),
        )?;
        storm.demand(&[200])?;
        if storm.answered < size {
            bail!(
                "only {} of {size} agents registered within {limit:?}",
                storm.answered
            );
        }
        Ok(Self {
            registry,
            population,
            storm,
            heartbeats,
            heads,
            sent: size,
            limit,
            _home: home,
        })
    }

    /// The bounds of a steady load on this registry.
    pub(crate) fn load(&self, requests: usize) -> anyhow::Result<Load> {
        Ok(Load {
            address: self.registry.address(),
            pid: self.registry.pid().context("the registry runs")?,
            connections: CONNECTIONS,
            requests,
            limit: self.limit,
        })
    }

    /// `requests` HEADs, agent after agent.
    pub(crate) fn send_heads(&self, requests: usize) -> anyhow::Result<Outcome> {
        let size = self.heads.len();
        load::send(
            self.load(requests)?,
            &mut |number, out| out.extend_from_slice(&self.heads[number % size]),
            &mut |_, _| (),
        )
    }

    /// `requests` unchanged registrations, agent after agent, each with a timestamp of its own.
    pub(crate) fn send_posts(
        &mut self,
        requests: usize,
        inspect: load::Inspect<'_>,
    ) -> anyhow::Result<Outcome> {
        let load = self.load(requests)?;
        let (first, size) = (self.sent, self.heartbeats.len());
        self.sent += requests;
        let heartbeats = &mut self.heartbeats;
        load::send(
            load,
            &mut |number, out| *out = post(heartbeats[number % size].stamped(first + number)),
            inspect,
        )
    }

    /// Whatever agent `index` would send as a HEAD.
    pub(crate) fn head_of(&self, index: usize) -> &[u8] {
        &self.heads[index]
    }

    /// The body that agent `index` would send next.
    pub(crate) fn body_of(&mut self, index: usize) -> Vec<u8> {
        self.sent += 1;
        self.heartbeats[index].stamped(self.sent).to_vec()
    }

    /// Lets some agents, evenly spread, need a capability that nobody offers yet, and settles; says
    /// who they are.
    pub(crate) fn let_some_need(&mut self, capability: &str) -> anyhow::Result<Vec<usize>> {
        let size = self.heads.len();
        let waiting: Vec<usize> = (0..WAITING_AGENTS)
            .map(|n| n * size / WAITING_AGENTS + 3)
            .collect();
        for index in &waiting {
            let mut registration = self.population.registration(*index);
            registration.tools[0]
                .dependencies
                .push(fake::dependency(capability).into());
            self.heartbeats[*index] = Heartbeat::of(&registration);
        }
        self.refresh(&waiting)?.demand(&[200])?;
        self.settle()?;
        Ok(waiting)
    }

    /// Lets everybody who is asked for a refresh send one, until nobody is asked any more.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        for _ in 0..10 {
            let heads = self.send_heads(self.heads.len())?;
            heads.demand(&[200, 202])?;
            let asked: Vec<usize> = (0..self.heads.len())
                .filter(|index| heads.statuses[*index] != 200)
                .collect();
            if asked.is_empty() {
                return Ok(());
            }
            self.refresh(&asked)?.demand(&[200])?;
        }
        bail!("after ten rounds of refreshes agents are still asked for more")
    }

    /// Sends the registrations of these agents once more.
    fn refresh(&mut self, agents: &[usize]) -> anyhow::Result<Outcome> {
        let load = self.load(agents.len())?;
        let first = self.sent;
        self.sent += agents.len();
        let heartbeats = &mut self.heartbeats;
        load::send(
            load,
            &mut |number, out| *out = post(heartbeats[agents[number]].stamped(first + number)),
            &mut |_, _| (),
        )
    }
}

fn post(body: &[u8]) -> Vec<u8> {
    request("POST", "/heartbeat", body)
}
