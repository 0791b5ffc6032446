//! What is told about an agent that was written, or would be.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::agent_args::FIRST_PORT;
use crate::error::CliError;
use crate::printer::Printer;
use crate::scaffold::{Blueprint, Kind, Language, Tree};

/// An agent and its files.
pub(super) struct Outcome<'a> {
    pub(super) blueprint: &'a Blueprint,
    pub(super) folder: &'a Path,
    pub(super) tree: &'a Tree,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct AgentFiles<'a> {
    name: &'a str,
    /// `basic`, `llm`, `llm-provider`, `a2a-consumer` or `api`.
    kind: &'static str,
    language: Language,
    port: u16,
    /// Where the agent is, or would be.
    folder: String,
    /// Relative to the folder; whole texts where nothing was written.
    files: Vec<FileReport<'a>>,
    /// Whether nothing was written.
    dry_run: bool,
    /// Commands.
    next_steps: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FileReport<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl Outcome<'_> {
    /// Prints what would be written.
    pub(super) fn preview(&self, json: bool, printer: &mut Printer) -> Result<(), CliError> {
        if json {
            return printer.json(&self.as_json(true));
        }
        let Blueprint { name, port, .. } = self.blueprint;
        let folder = self.folder();
        printer.result(format_args!(
            "Would create the {} agent '{name}' ({}, port {port}) in {folder}/\n",
            self.blueprint.kind.as_str(),
            self.blueprint.language.title(),
        ))?;
        printer.result(self.tree.picture(&folder))?;
        for (path, text) in self.tree.files() {
            printer.result(format_args!("==> {folder}/{path} <==\n{text}"))?;
        }
        Ok(())
    }

    /// Prints what was written, and what to do with it.
    pub(super) fn report(&self, json: bool, printer: &mut Printer) -> Result<(), CliError> {
        if json {
            return printer.json(&self.as_json(false));
        }
        let folder = self.folder();
        printer.say(format_args!(
            "Created agent '{}' in {folder}/\n",
            self.blueprint.name
        ))?;
        printer.say(self.tree.picture(&folder))?;
        printer.say("Next steps:")?;
        for step in self.next_steps() {
            printer.say(format_args!("  {step}"))?;
        }
        Ok(())
    }

    /// Tells of a port that is not the usual one, unless somebody asked for it.
    pub(super) fn tell_port(
        &self,
        asked: Option<u16>,
        printer: &mut Printer,
    ) -> Result<(), CliError> {
        let Blueprint { name, port, .. } = self.blueprint;
        if asked.is_none() && *port != FIRST_PORT {
            printer.note(format_args!(
                "Other agents are here already: '{name}' has port {port}"
            ))?;
        }
        Ok(())
    }

    fn as_json(&self, dry_run: bool) -> AgentFiles<'_> {
        AgentFiles {
            name: self.blueprint.name.as_str(),
            kind: self.blueprint.kind.as_str(),
            language: self.blueprint.language,
            port: self.blueprint.port,
            folder: self.folder(),
            files: self
                .tree
                .files()
                .map(|(path, text)| FileReport {
                    path,
                    text: dry_run.then_some(text),
                })
                .collect(),
            dry_run,
            next_steps: self.next_steps(),
        }
    }

    /// The folder as one writes it in commands: with `/` also where the system writes `\`, because names
    /// of files follow it.
    fn folder(&self) -> String {
        let folder = self.folder.display().to_string();
        if cfg!(windows) {
            folder.replace('\\', "/")
        } else {
            folder
        }
    }

    /// Commands, one a line.
    fn next_steps(&self) -> Vec<String> {
        let Blueprint {
            name,
            language,
            port,
            kind,
            ..
        } = self.blueprint;
        let folder = self.folder();
        let mut steps = vec![match language {
            Language::Python => format!("pip install -r {folder}/requirements.txt"),
            Language::TypeScript => format!("(cd {folder} && npm install)"),
            Language::Java => format!("(cd {folder} && mvn package)"),
        }];
        let start = format!("meshctl start -d {folder}");
        match kind {
            Kind::Basic(basic) => {
                steps.push(start);
                for function in basic.functions(*language) {
                    steps.push(format!("meshctl call {name}:{function}"));
                }
            }
            Kind::Llm(llm) => {
                // It answers with somebody's model.
                let vendor = llm.vendor.as_str();
                steps.push(format!("meshctl scaffold llm-provider --vendor {vendor}"));
                steps.push(format!("meshctl start -d {folder} {vendor}-provider"));
                steps.push("meshctl list --tools".to_owned());
            }
            Kind::LlmProvider(provider) => {
                steps.push(match provider.model.key() {
                    Some(key) => format!("{start} --env {key}=…"),
                    None => start,
                });
                steps.push(format!(
                    "meshctl scaffold llm --vendor {}",
                    provider.vendor.as_str()
                ));
            }
            Kind::A2aConsumer(consumer) => {
                if consumer.url.is_none() {
                    steps.push(format!("fill in the address and the skills in {folder}"));
                }
                steps.push(start);
                steps.push("meshctl list --tools".to_owned());
            }
            Kind::Api(_) => {
                steps.push(start);
                steps.push(format!("curl localhost:{port}/api/hello"));
            }
        }
        steps
    }
}
