//! `meshctl scaffold --compose` and `--observability`: files for all agents of a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::agent_args::AgentArgs;
use crate::commands::Context;
use crate::error::{CliError, Kind as Failure};
use crate::printer::Printer;
use crate::scaffold::{
    Composition, Overwriting, Project, Stack, Templates, Tree, merge, survey, with_secrets, write,
};

/// Where Compose looks for variables.
const SECRETS: &str = ".env";

/// What runs the agents that are there
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "All agents of a folder")]
pub(super) struct ComposeArgs {
    /// Write a docker-compose.yml for the agents that are there, or add those that it lacks
    #[arg(long)]
    pub(super) compose: bool,
    /// Add what collects and shows traces; without `--compose`, in a file of its own
    #[arg(long)]
    pub(super) observability: bool,
    /// What containers and volumes are named after [default: the folder]
    #[arg(long, value_name = "NAME")]
    project_name: Option<Project>,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::commands) struct ComposeReport<'a> {
    /// The compose file.
    file: String,
    /// Agents that came into it.
    added: &'a [String],
    /// Agents that were in it.
    kept: &'a [String],
    /// Those of them that publish traces from now on.
    traced: &'a [String],
    /// Those that should, and whose lines are not understood.
    untraced: &'a [String],
    /// What is written beside it.
    files: Vec<String>,
    /// Whether nothing was written.
    dry_run: bool,
}

/// What is to be written: the compose file, and what is beside it.
struct Plan {
    file: PathBuf,
    added: Vec<String>,
    kept: Vec<String>,
    traced: Vec<String>,
    untraced: Vec<String>,
    /// May replace what is there: it holds all of it.
    merged: Tree,
    /// Must not.
    beside: Tree,
}

impl ComposeArgs {
    pub(super) fn run(self, agent: &AgentArgs, context: &mut Context) -> Result<(), CliError> {
        let Self {
            compose,
            observability,
            project_name,
        } = self;
        let stack = match (compose, observability) {
            (false, _) => Stack::Traces,
            (true, true) => Stack::RegistryAndTraces,
            (true, false) => Stack::Registry,
        };
        let folder = &agent.output;
        let whole = fs::canonicalize(folder).map_err(|error| {
            CliError::new(format!("cannot look into `{}`", folder.display()))
                .of_kind(Failure::NotFound)
                .because(error)
        })?;
        let found = if compose { survey(folder) } else { Vec::new() };
        if found.is_empty() && stack == Stack::Registry {
            return Err(
                CliError::new(format!("there are no agents in `{}`", folder.display()))
                    .of_kind(Failure::NotFound)
                    .hint("write one with `meshctl scaffold basic --name my-agent`"),
            );
        }
        let templates = match &agent.template_dir {
            Some(own) => super::agent_args::own_templates(own, context)?,
            None => Templates::default(),
        };
        let project = project_name.unwrap_or_else(|| Project::of(&whole));
        let composition = Composition::new(project, stack, found)?;
        let plan = plan(&composition, &templates, agent)?;
        if agent.dry_run {
            return plan.preview(agent.json, &mut context.printer);
        }
        write(&plan.beside, folder, overwriting(agent.force))?;
        write(&plan.merged, folder, Overwriting::Allowed)?;
        plan.report(&composition, agent.json, &mut context.printer)
    }
}

fn overwriting(force: bool) -> Overwriting {
    if force {
        Overwriting::Allowed
    } else {
        Overwriting::Refused
    }
}

fn plan(
    composition: &Composition,
    templates: &Templates,
    agent: &AgentArgs,
) -> Result<Plan, CliError> {
    let folder = &agent.output;
    let name = composition.file_name();
    let file = if folder == Path::new(".") {
        PathBuf::from(name)
    } else {
        folder.join(name)
    };
    let existing = read(&file)?.filter(|_| !agent.force);
    let mut merged = Tree::default();
    let (added, kept);
    let (mut traced, mut untraced) = (Vec::new(), Vec::new());
    if let Some(existing) = existing {
        let result = merge(&existing, composition, templates).map_err(|error| {
            CliError::new(format!("cannot add to `{}`: {error}", file.display()))
                .of_kind(Failure::Conflict)
                .hint("write it anew with `--force`, or into another folder with `--output`")
        })?;
        merged.add(name, result.text);
        (added, kept) = (result.added, result.kept);
        (traced, untraced) = (result.traced, result.untraced);
    } else {
        let text = composition.file(templates);
        merged.add(
            name,
            text.map_err(|error| CliError::new(error.to_string()))?,
        );
        let services = composition.services().into_iter().map(str::to_owned);
        (added, kept) = (services.collect(), Vec::new());
    }
    let secrets = read(&folder.join(SECRETS))?;
    let password = || uuid::Uuid::new_v4().simple().to_string();
    if let Some(secrets) = with_secrets(secrets.as_deref(), &composition.secrets(), password) {
        merged.add_private(SECRETS, secrets);
    }
    let settings = composition.settings(templates);
    let settings = settings.map_err(|error| CliError::new(error.to_string()))?;
    let mut beside = Tree::default();
    for (path, text) in settings.files() {
        // Somebody's own settings stay, and so do those that are the same.
        if agent.force || !folder.join(path).exists() {
            beside.add(path, text);
        }
    }
    Ok(Plan {
        file,
        added,
        kept,
        traced,
        untraced,
        merged,
        beside,
    })
}

fn read(file: &Path) -> Result<Option<String>, CliError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(CliError::new(format!("cannot read `{}`", file.display())).because(error))
        }
    }
}

impl Plan {
    fn as_json(&self, dry_run: bool) -> ComposeReport<'_> {
        let files = self.merged.files().chain(self.beside.files());
        ComposeReport {
            file: self.file.display().to_string(),
            added: &self.added,
            kept: &self.kept,
            traced: &self.traced,
            untraced: &self.untraced,
            files: files.map(|(path, _)| path.to_owned()).collect(),
            dry_run,
        }
    }

    fn preview(&self, json: bool, printer: &mut Printer) -> Result<(), CliError> {
        if json {
            return printer.json(&self.as_json(true));
        }
        for (path, text) in self.merged.files().chain(self.beside.files()) {
            // A password that is only shown would not be the one that is written.
            if path != SECRETS {
                printer.result(format_args!("==> {path} <==\n{text}"))?;
            }
        }
        Ok(())
    }

    fn report(
        &self,
        composition: &Composition,
        json: bool,
        printer: &mut Printer,
    ) -> Result<(), CliError> {
        if json {
            return printer.json(&self.as_json(false));
        }
        let file = self.file.display();
        if self.added.is_empty() && self.traced.is_empty() {
            printer.say(format_args!("{file} has all of them already:"))?;
        } else if self.kept.is_empty() {
            printer.say(format_args!("Wrote {file}:"))?;
        } else {
            printer.say(format_args!("Added to {file}:"))?;
        }
        for agent in composition.agents() {
            let kept = self.kept.contains(&agent.service);
            let note = if self.traced.contains(&agent.service) {
                ", traced from now on"
            } else if kept {
                ", as it was"
            } else {
                ""
            };
            printer.say(format_args!(
                "  {} (port {}{note})",
                agent.service, agent.port
            ))?;
        }
        let own: Vec<&str> = composition
            .services()
            .into_iter()
            .filter(|service| {
                let agents = composition.agents();
                agents.iter().all(|agent| agent.service != *service)
            })
            .collect();
        printer.say(format_args!("  {}", own.join(", ")))?;
        for service in &self.untraced {
            printer.warn(format_args!(
                "{service} publishes no traces: its variables are written in a way that none can be added \
                 to; add MCP_MESH_DISTRIBUTED_TRACING_ENABLED and REDIS_URL as the others have them"
            ))?;
        }
        printer.say(format_args!(
            "\nNext steps:\n  docker compose -f {file} up --wait"
        ))?;
        if self.merged.files().any(|(path, _)| path == SECRETS) {
            printer.note("Passwords were made and are in .env: keep it out of version control")?;
        }
        Ok(())
    }
}
