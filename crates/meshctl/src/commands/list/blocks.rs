//! What `list --verbose` tells of one agent.

use std::collections::BTreeMap;

use mesh_core::wire::{AgentInfo, CapabilityInfo, SlotStatus};

use super::Wiring;
use super::services::service_of;
use crate::mesh_view::public_tools;
use crate::printer::Tone;

/// The agent's address, tools and dependencies, below a line with its id.
pub(super) fn block(agent: &AgentInfo, pid: Option<u32>, wiring: Wiring) -> String {
    let mut lines = vec![
        format!("=== {} ===", agent.id),
        format!("  Name: {}", agent.name),
        format!("  Endpoint: {}", agent.endpoint),
    ];
    if !agent.version.is_empty() {
        lines.push(format!("  Version: {}", agent.version));
    }
    lines.extend(pid.map(|pid| format!("  PID: {pid}")));
    lines.extend(tools(agent));
    if wiring == Wiring::Shown {
        lines.extend(dependencies(agent));
    }
    lines.join("\n")
}

fn tools(agent: &AgentInfo) -> Vec<String> {
    let mut services: BTreeMap<&str, Vec<&CapabilityInfo>> = BTreeMap::new();
    let mut others = Vec::new();
    for tool in public_tools(agent) {
        match service_of(&tool.name) {
            Some((service, _)) => services.entry(service).or_default().push(tool),
            None => others.push(tool),
        }
    }
    let mut lines = Vec::new();
    if !services.is_empty() || !others.is_empty() {
        lines.push("  Tools:".to_owned());
    }
    for (service, methods) in services {
        let count = methods.len();
        let plural = if count == 1 { "" } else { "s" };
        lines.push(format!("    {service}/ ({count} method{plural})"));
        lines.extend(
            methods
                .into_iter()
                .map(|tool| format!("      - {}", line(tool))),
        );
    }
    lines.extend(
        others
            .into_iter()
            .map(|tool| format!("    - {}", line(tool))),
    );
    lines
}

/// The capability, what to call for it, and why that is in vain.
fn line(tool: &CapabilityInfo) -> String {
    let text = format!("{} ({})", tool.name, tool.function_name);
    if tool.available {
        return text;
    }
    let reason = tool.unavailable_reason.as_deref();
    let verdict = reason.map_or("[unavailable]".to_owned(), |reason| {
        format!("[unavailable: {reason}]")
    });
    format!("{text} {}", Tone::Bad.paint(verdict))
}

fn dependencies(agent: &AgentInfo) -> Vec<String> {
    let line = |slot: &mesh_core::wire::DependencyResolution| {
        let provider = slot.provider_agent_id.as_deref().unwrap_or("(unresolved)");
        let tone = match slot.status {
            SlotStatus::Available => Tone::Good,
            _ => Tone::Bad,
        };
        let status = tone.paint(format_args!("[{}]", slot.status));
        format!("    - {} → {provider} {status}", slot.capability)
    };
    let slots = &agent.dependency_resolutions;
    let title = (!slots.is_empty()).then(|| "  Dependencies:".to_owned());
    title.into_iter().chain(slots.iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mesh_view::tests::agent;

    #[test]
    fn tools_are_grouped_by_service_and_dependencies_have_a_status() {
        let mut agent = agent("a-1", "a", "healthy");
        agent.version = "1.2.0".to_owned();
        agent.capabilities = serde_json::from_value(json!([
            { "name": "media.caption", "function_name": "caption", "version": "1", "available": true },
            { "name": "media.resize", "function_name": "resize", "version": "1", "available": false,
              "unavailable_reason": "`clock` has no provider" },
            { "name": "hello", "function_name": "hello", "version": "1", "available": true },
        ]))
        .unwrap();
        agent.dependency_resolutions = serde_json::from_value(json!([
            { "function_name": "f", "capability": "one", "status": "available", "provider_agent_id": "p-1" },
            { "function_name": "f", "capability": "two", "status": "unavailable", "provider_agent_id": "p-2" },
            { "function_name": "f", "capability": "clock", "status": "unresolved" },
        ]))
        .unwrap();
        let text = |wiring| {
            let block = block(&agent, Some(7), wiring);
            anstream::adapter::strip_str(&block).to_string()
        };
        insta::assert_snapshot!(text(Wiring::Shown), @r"
            === a-1 ===
              Name: a
              Endpoint: http://127.0.0.1:9000
              Version: 1.2.0
              PID: 7
              Tools:
                media/ (2 methods)
                  - media.caption (caption)
                  - media.resize (resize) [unavailable: `clock` has no provider]
                - hello (hello)
              Dependencies:
                - one → p-1 [available]
                - two → p-2 [unavailable]
                - clock → (unresolved) [unresolved]
            ");
        assert!(!text(Wiring::Hidden).contains("Dependencies"));
    }
}
