//! What `--json` prints, as JSON schemas for `schemas/meshctl/`.
//!
//! A new command derives `schemars::JsonSchema` beside `Serialize` for what it prints, adds its line to
//! [`json_schemas`], and hands its real output to `assert_matches_schema` in a process test of
//! `crates/mcp-mesh`. `cargo xtask generate` writes the files.

use std::collections::BTreeMap;

use mesh_core::wire::{
    DrainReport, JobEventList, JobInfo, JobList, ReclaimAnswer, RotationReport, SchemaList,
    TraceInfo,
};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

use super::audit::AuditReport;
use super::config::effective::{Explained, Settings};
use super::doctor::DoctorReport;
use super::entity::EntityReport;
use super::list::changes::ListChange;
use super::list::report::{AgentReport, ListReport};
use super::list::services::ServicesReport;
use super::list::tools::ToolReport;
use super::man::Entry;
use super::scaffold::{AgentFiles, ComposeReport};
use super::schema::DiffReport;
use super::self_update::Report as UpdateReport;
use super::start::Summary;

/// Each with the name of its file and the command that prints it.
pub(crate) fn json_schemas() -> Vec<(&'static str, String)> {
    vec![
        schema::<Summary>("start", "meshctl start -d AGENT --json"),
        schema::<ListReport<'_>>("list", "meshctl list --json"),
        schema::<ListChange<'_>>("list-watch", "meshctl list --watch --json"),
        schema::<Vec<ToolReport<'_>>>("list-tools", "meshctl list --tools --json"),
        schema::<ToolReport<'_>>("list-tool", "meshctl list --tools=TOOL --json"),
        schema::<ServicesReport<'_>>("list-services", "meshctl list --services --json"),
        schema::<SchemaList>("list-schemas", "meshctl list --schemas --json"),
        schema::<Vec<AgentReport<'_>>>("status", "meshctl status --json"),
        schema::<AgentReport<'_>>("status-agent", "meshctl status AGENT --json"),
        schema::<Settings>("config-show", "meshctl config show --json"),
        schema::<BTreeMap<String, Explained>>(
            "config-show-origin",
            "meshctl config show --json --origin",
        ),
        schema::<AuditReport>("audit", "meshctl audit AGENT --json"),
        schema::<DiffReport>("schema-diff", "meshctl schema diff HASH-A HASH-B --json"),
        schema::<TraceInfo>("trace", "meshctl trace ID --json"),
        schema::<JobList>("job-list", "meshctl job list --json"),
        schema::<JobInfo>("job-status", "meshctl job status ID --json"),
        schema::<JobEventList>("job-events", "meshctl job events ID --json"),
        schema::<ReclaimAnswer>("job-reclaim", "meshctl job reclaim ID --json"),
        schema::<DrainReport>("registry-status", "meshctl registry status --json"),
        schema::<DoctorReport>("doctor", "meshctl doctor --json"),
        schema::<Vec<EntityReport>>("entity-list", "meshctl entity list --json"),
        schema::<RotationReport>("entity-rotate", "meshctl entity rotate --json"),
        schema::<Vec<Entry>>("man-list", "meshctl man --list --json"),
        schema::<AgentFiles<'_>>("scaffold", "meshctl scaffold KIND --json"),
        schema::<ComposeReport<'_>>("scaffold-compose", "meshctl scaffold --compose --json"),
        schema::<UpdateReport<'_>>("self-update-check", "meshctl self update --check --json"),
    ]
}

fn schema<T: JsonSchema>(name: &'static str, command: &str) -> (&'static str, String) {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), command.into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    (name, text)
}
