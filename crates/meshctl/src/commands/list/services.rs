//! Capabilities by service: `media.caption` is the method `caption` of `media`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_client::RegistryClient;
use mesh_core::wire::AgentInfo;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Format, Scope, View};
use crate::commands::Context;
use crate::error::CliError;
use crate::mesh_view::{is_healthy, tools_of};
use crate::printer::Tone;
use crate::table::{Cell, Table};

/// What `list --services --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct ServicesReport<'a> {
    services: Vec<Service<'a>>,
    /// Capabilities that belong to no service, each as a method of its own name.
    ungrouped: Vec<Method<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Service<'a> {
    #[serde(rename = "service")]
    name: &'a str,
    methods: Vec<Method<'a>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Method<'a> {
    #[serde(rename = "method")]
    name: &'a str,
    capability: &'a str,
    providers: Vec<Provider<'a>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
struct Provider<'a> {
    agent_id: &'a str,
    agent_name: &'a str,
    available: bool,
}

impl<'a> ServicesReport<'a> {
    fn of(agents: impl Iterator<Item = &'a AgentInfo>, with_framework: bool) -> Self {
        let mut by_capability: BTreeMap<&str, BTreeSet<Provider<'_>>> = BTreeMap::new();
        for agent in agents {
            for tool in tools_of(agent, with_framework).filter(|tool| !tool.name.is_empty()) {
                let providers = by_capability.entry(&tool.name).or_default();
                providers.insert(Provider {
                    agent_id: &agent.id,
                    agent_name: &agent.name,
                    available: tool.available && is_healthy(agent),
                });
            }
        }
        let mut services: BTreeMap<&str, Vec<Method<'_>>> = BTreeMap::new();
        let mut ungrouped = Vec::new();
        for (capability, providers) in by_capability {
            let (methods, name) = match service_of(capability) {
                Some((service, name)) => (services.entry(service).or_default(), name),
                None => (&mut ungrouped, capability),
            };
            methods.push(Method {
                name,
                capability,
                providers: providers.into_iter().collect(),
            });
        }
        let services = services
            .into_iter()
            .map(|(name, methods)| Service { name, methods })
            .collect();
        Self {
            services,
            ungrouped,
        }
    }
}

/// The service that a capability belongs to, and its name there.
pub(super) fn service_of(capability: &str) -> Option<(&str, &str)> {
    capability
        .rsplit_once('.')
        .filter(|(service, name)| !service.is_empty() && !name.is_empty())
}

pub(super) async fn run(
    client: &RegistryClient,
    view: &View,
    with_framework: bool,
    context: &mut Context,
) -> Result<(), CliError> {
    let asked = context
        .printer
        .during("asking the registry", client.agents());
    let list = asked.await?;
    let now = context.clock.now();
    let report = ServicesReport::of(
        list.agents
            .iter()
            .filter(|agent| view.scope == Scope::Everyone || is_healthy(agent))
            .filter(|agent| view.selects(agent, now)),
        with_framework,
    );
    let printer = &mut context.printer;
    if view.format == Format::Json {
        return printer.json(&report);
    }
    if report.services.is_empty() {
        printer.result("No services found")?;
    } else {
        let mut table = Table::new(&["SERVICE", "METHOD", "AGENT", "STATUS"]);
        for service in &report.services {
            for method in &service.methods {
                for provider in &method.providers {
                    let status = if provider.available {
                        Cell::toned("available", Tone::Good)
                    } else {
                        Cell::toned("unavailable", Tone::Bad)
                    };
                    table.row(vec![
                        service.name.into(),
                        method.name.into(),
                        provider.agent_id.into(),
                        status,
                    ]);
                }
            }
        }
        if view.format == Format::Wide {
            printer.result(table.render())?;
        } else {
            printer.table(&table)?;
        }
    }
    match report.ungrouped.len() {
        0 => {}
        1 => printer.result(
            "\n1 other capability, without a dot in its name; `meshctl list --tools` shows it",
        )?,
        others => printer.result(format_args!(
            "\n{others} other capabilities, without a dot in their names; `meshctl list --tools` shows them"
        ))?,
    }
    Ok(())
}
