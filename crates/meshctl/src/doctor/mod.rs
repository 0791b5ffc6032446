//! `meshctl doctor`: what stands in the way of a mesh, and what helps.
//!
//! Each file is a group of checks: it is handed a [`Subject`] and returns [`Finding`]s. None of them prints,
//! changes anything or waits for long.

mod certificates;
mod configuration;
mod finding;
mod languages;
mod origin;
mod platform;
mod processes;
mod programs;
mod registry;
mod state;
mod subject;
mod tracing;

use crate::supervisor::Supervisor;
pub(crate) use finding::{Finding, Section, Verdict};
pub(crate) use subject::Subject;

/// Everything that is found of `subject`, in the order in which things depend on each other.
pub(crate) async fn examine(subject: &Subject<'_>) -> Vec<Section> {
    let (programs, registry) = tokio::join!(programs::check(subject), registry::look(subject));
    let supervisor = subject.supervisor();
    let marked = supervisor.as_ref().and_then(Supervisor::marked);
    let processes = processes::check((subject, supervisor), &registry, marked.as_deref()).await;
    let tracing = tracing::check(subject, &registry, marked.as_deref().unwrap_or_default());
    vec![
        Section {
            title: "Programs",
            findings: programs,
        },
        Section {
            title: "Configuration",
            findings: configuration::check(subject),
        },
        Section {
            title: "State directory",
            findings: state::check(subject),
        },
        Section {
            title: "Registry",
            findings: registry.findings.into_iter().chain(tracing).collect(),
        },
        Section {
            title: "Processes",
            findings: processes,
        },
        Section {
            title: "Agents in this folder",
            findings: languages::check(subject),
        },
        Section {
            title: "Certificates",
            findings: certificates::check(subject),
        },
    ]
}
