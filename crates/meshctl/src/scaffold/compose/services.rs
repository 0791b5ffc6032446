//! What runs: the agents, their registry and its database, and what collects traces.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;

use minijinja::Environment;
use serde_json::{Value, json};

use crate::error::{CliError, Kind};
use crate::scaffold::blueprint::versions;
use crate::scaffold::language::Language;
use crate::scaffold::survey::Found;
use crate::scaffold::templates::{TemplateError, Templates};
use crate::scaffold::tree::Tree;

/// The port of an agent whose source names none, unless others have it.
const FIRST_PORT: u16 = 8080;
/// What the services that are not agents are called.
const OURS: [&str; 5] = ["postgres", "registry", "redis", "tempo", "grafana"];

/// What containers, volumes and the network are named after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project(String); // Private: parsing is the only way in.

/// What Docker does not take as a project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a project: a small letter or digit, then these, `-` and `_`")]
pub(crate) struct InvalidProject(String);

impl FromStr for Project {
    type Err = InvalidProject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.starts_with(small) && text.chars().all(|c| small(c) || matches!(c, '-' | '_')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProject(text.to_owned()))
        }
    }
}

impl Project {
    /// The project of a folder without one of its own.
    pub(crate) fn of(folder: &Path) -> Self {
        let name = folder.file_name().and_then(|name| name.to_str());
        let name = docker_name(name.unwrap_or_default());
        name.parse().unwrap_or_else(|_| Self("mesh".to_owned()))
    }
}

/// Which services there are beside the agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    /// The registry and its database.
    Registry,
    /// These, and what collects traces.
    RegistryAndTraces,
    /// What collects traces, alone.
    Traces,
}

impl Stack {
    fn has_traces(self) -> bool {
        self != Self::Registry
    }

    fn has_registry(self) -> bool {
        self != Self::Traces
    }
}

/// An agent as a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentService {
    pub(crate) service: String,
    pub(crate) port: u16,
    folder: String,
    language: Language,
}

/// Everything that is to run, before it is a file.
#[derive(Debug, Clone)]
pub(crate) struct Composition {
    project: Project,
    stack: Stack,
    agents: Vec<AgentService>,
}

/// A service's lines, without those before and behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) service: String,
    pub(super) text: String,
    pub(super) volumes: Vec<String>,
}

impl Composition {
    /// Decides on names and ports; two agents cannot have the same.
    pub(crate) fn new(project: Project, stack: Stack, found: Vec<Found>) -> Result<Self, CliError> {
        let mut ports: BTreeMap<u16, &str> = BTreeMap::new();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for agent in &found {
            if let Some(port) = agent.port
                && let Some(other) = ports.insert(port, &agent.name)
            {
                return Err(CliError::new(format!(
                    "`{other}` and `{}` both have port {port}",
                    agent.name
                ))
                .of_kind(Kind::Conflict)
                .hint("give one of them another port in its source"));
            }
            let service = docker_name(&agent.name);
            let folder = agent.folder.display().to_string();
            if service.is_empty() || OURS.contains(&service.as_str()) {
                return Err(CliError::new(format!(
                    "the agent in `{folder}` is called `{}`, which cannot be its service's name",
                    agent.name
                ))
                .of_kind(Kind::Conflict)
                .hint("give it another name in its source"));
            }
            if let Some(other) = names.insert(service, folder.clone()) {
                return Err(CliError::new(format!(
                    "the agents in `{other}` and `{folder}` are both called `{}`",
                    agent.name
                ))
                .of_kind(Kind::Conflict)
                .hint("give one of them another name in its source"));
            }
        }
        let mut taken: BTreeSet<u16> = ports.into_keys().collect();
        let mut agents = Vec::with_capacity(found.len());
        for agent in found {
            let port = match agent.port {
                Some(port) => port,
                None => free_port(&mut taken),
            };
            agents.push(AgentService {
                service: docker_name(&agent.name),
                port,
                folder: agent.folder.display().to_string().replace('\\', "/"),
                language: agent.language,
            });
        }
        Ok(Self {
            project,
            stack,
            agents,
        })
    }

    pub(crate) fn agents(&self) -> &[AgentService] {
        &self.agents
    }

    /// The names of all services, in the order of the file.
    pub(crate) fn services(&self) -> Vec<&str> {
        let agents = self.agents.iter().map(|agent| agent.service.as_str());
        self.own().into_iter().chain(agents).collect()
    }

    fn own(&self) -> Vec<&'static str> {
        let mut own = Vec::new();
        if self.stack.has_registry() {
            own.extend(["postgres", "registry"]);
        }
        if self.stack.has_traces() {
            own.extend(["redis", "tempo", "grafana"]);
        }
        own
    }

    /// The variables that have passwords.
    pub(crate) fn secrets(&self) -> Vec<&'static str> {
        let mut secrets = Vec::new();
        if self.stack.has_registry() {
            secrets.push("POSTGRES_PASSWORD");
        }
        if self.stack.has_traces() {
            secrets.push("GRAFANA_PASSWORD");
        }
        secrets
    }

    /// What the file is called where nobody has one.
    pub(crate) fn file_name(&self) -> &'static str {
        match self.stack {
            Stack::Registry | Stack::RegistryAndTraces => "docker-compose.yml",
            Stack::Traces => "docker-compose.observability.yml",
        }
    }

    /// The whole file.
    pub(crate) fn file(&self, templates: &Templates) -> Result<String, TemplateError> {
        let environment = templates.environment()?;
        let mut text = render(&environment, "head.yml", &self.facts(None))?;
        text.push_str("\nservices:\n");
        let mut volumes = Vec::new();
        for (at, block) in self.blocks(&environment)?.into_iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            text.push_str(&block.text);
            volumes.extend(block.volumes);
        }
        text.push_str("\nvolumes:\n");
        for volume in volumes {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "  {volume}:");
        }
        text.push_str("\nnetworks:\n");
        let network = crate::scaffold::literals::plain(&self.network());
        let _ = writeln!(text, "  {network}:\n    name: {network}");
        Ok(text)
    }

    /// Every service, for a file that exists already.
    pub(super) fn blocks(
        &self,
        environment: &Environment<'_>,
    ) -> Result<Vec<Block>, TemplateError> {
        let mut blocks = Vec::new();
        for service in self.own() {
            let text = render(environment, &format!("{service}.yml"), &self.facts(None))?;
            blocks.push(Block {
                service: service.to_owned(),
                text,
                volumes: match service {
                    "registry" => Vec::new(),
                    _ => vec![format!("{service}-data")],
                },
            });
        }
        for agent in &self.agents {
            let text = render(environment, "agent.yml", &self.facts(Some(agent)))?;
            blocks.push(Block {
                service: agent.service.clone(),
                text,
                volumes: vec![agent.volume().0],
            });
        }
        Ok(blocks)
    }

    /// The files beside the compose file.
    pub(crate) fn settings(&self, templates: &Templates) -> Result<Tree, TemplateError> {
        let mut tree = Tree::default();
        if self.stack.has_traces() {
            let environment = templates.environment()?;
            for (template, path) in [
                ("tempo.yaml", "tempo.yaml"),
                (
                    "grafana/datasources.yaml",
                    "grafana/provisioning/datasources/datasources.yaml",
                ),
                (
                    "grafana/dashboards.yaml",
                    "grafana/provisioning/dashboards/dashboards.yaml",
                ),
                ("grafana/mcp-mesh.json", "grafana/dashboards/mcp-mesh.json"),
            ] {
                tree.add(path, render(&environment, template, &self.facts(None))?);
            }
        }
        Ok(tree)
    }

    pub(super) fn network(&self) -> String {
        format!("{}-network", self.project.0)
    }

    fn facts(&self, agent: Option<&AgentService>) -> Value {
        let agent = agent.map(|agent| {
            let (volume, mount) = agent.volume();
            json!({
                "service": agent.service,
                "language": agent.language.as_str(),
                "port": agent.port,
                // Compose reads `$` as the start of a variable.
                "source": format!("./{}", agent.folder).replace('$', "$$"),
                "entry": "src/index.ts",
                "volume": volume,
                "mount": mount,
            })
        });
        json!({
            "project": self.project.0,
            "network": self.network(),
            "observability": self.stack.has_traces(),
            "only_observability": self.stack == Stack::Traces,
            "version": versions(),
            "agent": agent,
        })
    }
}

impl AgentService {
    /// The volume of its packages, and where that is.
    fn volume(&self) -> (String, &'static str) {
        let (what, mount) = match self.language {
            Language::Python => ("packages", "/home/mcp-mesh"),
            Language::TypeScript => ("node_modules", "/app/node_modules"),
            Language::Java => ("maven-repo", "/home/mcp-mesh/.m2"),
        };
        (format!("{}-{what}", self.service), mount)
    }
}

fn render(
    environment: &Environment<'_>,
    name: &str,
    facts: &Value,
) -> Result<String, TemplateError> {
    let name = format!("compose/{name}");
    let broken = |source| TemplateError::Broken {
        name: name.clone(),
        source,
    };
    let template = environment.get_template(&name).map_err(broken)?;
    let facts = minijinja::Value::from(minijinja::value::Serde(facts));
    template.render(facts).map_err(broken)
}

/// The lowest port from 8080 on that nobody has.
fn free_port(taken: &mut BTreeSet<u16>) -> u16 {
    let port = (FIRST_PORT..=u16::MAX).find(|port| !taken.contains(port));
    let port = port.unwrap_or(FIRST_PORT);
    taken.insert(port);
    port
}

/// Somebody's name in the letters that Docker takes.
fn docker_name(name: &str) -> String {
    let name: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| {
            let kept = c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if kept { c } else { '-' }
        })
        .collect();
    name.trim_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, port: Option<u16>) -> Found {
        Found {
            folder: name.into(),
            name: name.to_owned(),
            language: Language::Python,
            port,
        }
    }

    fn composed(found: Vec<Found>) -> Result<Composition, CliError> {
        Composition::new("p".parse().unwrap(), Stack::Registry, found)
    }

    #[test]
    fn an_agent_without_a_port_gets_one() {
        let agents = vec![found("a", None), found("b", Some(8080)), found("c", None)];
        let composition = composed(agents).unwrap();
        let ports: Vec<_> = composition.agents.iter().map(|agent| agent.port).collect();
        assert_eq!(ports, [8081, 8080, 8082]);
    }

    #[test]
    fn what_two_agents_cannot_share_is_named() {
        let told = |found| composed(found).unwrap_err().to_string();
        let ports = vec![found("a", Some(1)), found("b", Some(1))];
        assert_eq!(told(ports), "`a` and `b` both have port 1");
        let mut twin = found("A", None);
        twin.folder = "x".into();
        assert_eq!(
            told(vec![found("a", None), twin]),
            "the agents in `a` and `x` are both called `A`"
        );
        assert!(told(vec![found("redis", None)]).contains("cannot be its service's name"));
    }

    #[test]
    fn a_folder_names_its_project() {
        let of = |path: &str| Project::of(Path::new(path)).0;
        assert_eq!(of("/x/My Project"), "my-project");
        assert_eq!(of("/"), "mesh");
    }
}
