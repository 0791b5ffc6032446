//! What all kinds of agents take.

use std::path::{Path, PathBuf};

use super::outcome;
use crate::commands::Context;
use crate::error::{CliError, Kind as Failure};
use crate::scaffold::{
    AgentName, Blueprint, Description, JavaPackage, Kind, Language, Overwriting, Templates, survey,
    write,
};

/// The port of the first agent in a folder.
pub(super) const FIRST_PORT: u16 = 8080;

/// What is to be written, and where
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct AgentArgs {
    /// What the agent is called
    #[arg(short, long)]
    pub(super) name: Option<AgentName>,
    /// What it is written in; `py`, `ts` and `jv` will do [default: python]
    #[arg(short, long, value_name = "LANGUAGE", alias = "runtime", value_enum)]
    pub(super) lang: Option<Language>,
    /// The folder that the agent's folder is made in
    #[arg(short, long, value_name = "FOLDER", default_value = ".")]
    pub(super) output: PathBuf,
    /// The port that it listens on [default: 8080, or the one above those of agents that are there]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) port: Option<u16>,
    /// What it is for, in a sentence
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<Description>,
    /// The package of its classes, in Java [default: com.example.<name>]
    #[arg(long, value_name = "PACKAGE")]
    pub(super) package: Option<JavaPackage>,
    /// A folder with templates of your own, such as `python/basic/main.py.j2`
    #[arg(long, value_name = "FOLDER")]
    pub(super) template_dir: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub(super) force: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Ask nothing
    #[arg(long)]
    pub(super) no_interactive: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl AgentArgs {
    /// Writes an agent of `kind`, or shows it.
    pub(super) fn scaffold(self, kind: Kind, context: &mut Context) -> Result<(), CliError> {
        let name = self.check_named(kind.as_str())?;
        self.scaffold_named(name, kind, context)
    }

    /// The name, which this kind of agent must be given.
    pub(super) fn check_named(&self, kind: &str) -> Result<AgentName, CliError> {
        self.name.clone().ok_or_else(|| missing_name(kind))
    }

    /// The same with a name for those that have none.
    pub(super) fn scaffold_named(
        self,
        name: AgentName,
        kind: Kind,
        context: &mut Context,
    ) -> Result<(), CliError> {
        // Without `..`: a new flag does not compile until somebody uses it.
        let Self {
            name: _,
            lang,
            output,
            port,
            description,
            package,
            template_dir,
            force,
            dry_run,
            // There is nothing to ask once the kind is known.
            no_interactive: _,
            json,
        } = self;
        let folder = folder_of(&output, &name);
        let asked = port;
        let port = match asked {
            Some(port) => port,
            None => free_port(&output, &name)?,
        };
        let blueprint = Blueprint {
            name,
            language: lang.unwrap_or_default(),
            port,
            description,
            package,
            kind,
        };
        let templates = match &template_dir {
            Some(own) => own_templates(own, context)?,
            None => Templates::default(),
        };
        let tree = templates
            .fill(&blueprint)
            .map_err(|error| CliError::new(error.to_string()).because(root(&error)))?;
        let outcome = outcome::Outcome {
            blueprint: &blueprint,
            folder: &folder,
            tree: &tree,
        };
        if dry_run {
            outcome.preview(json, &mut context.printer)?;
            return outcome.tell_port(asked, &mut context.printer);
        }
        let overwriting = if force {
            Overwriting::Allowed
        } else {
            Overwriting::Refused
        };
        write(&tree, &folder, overwriting)?;
        outcome.report(json, &mut context.printer)?;
        outcome.tell_port(asked, &mut context.printer)
    }
}

pub(super) fn missing_name(kind: &str) -> CliError {
    CliError::new("--name is required")
        .of_kind(Failure::Usage)
        .hint(format!(
            "for instance `meshctl scaffold {kind} --name my-agent`"
        ))
}

fn root(error: &(dyn std::error::Error + 'static)) -> String {
    // A template's error tells its line, and in its source what is wrong there.
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.join(": ")
}

pub(super) fn own_templates(folder: &Path, context: &mut Context) -> Result<Templates, CliError> {
    let templates = Templates::with_own(folder)
        .map_err(|error| CliError::new(error.to_string()).because(root(&error)))?;
    if !templates.has_own() {
        context.printer.warn(format_args!(
            "`{}` holds no template that replaces one; they are called, for instance, \
             `python/basic/main.py.j2`",
            folder.display()
        ))?;
    }
    Ok(templates)
}

/// The folder of an agent, as short as it goes.
fn folder_of(output: &Path, name: &AgentName) -> PathBuf {
    if output == Path::new(".") {
        PathBuf::from(name.as_str())
    } else {
        output.join(name.as_str())
    }
}

/// A port that no agent in `output` has.
fn free_port(output: &Path, name: &AgentName) -> Result<u16, CliError> {
    let taken = survey(output)
        .into_iter()
        // An agent that is written anew keeps nobody away.
        .filter(|found| found.folder != Path::new(name.as_str()))
        .filter_map(|found| found.port)
        .max();
    let Some(highest) = taken.filter(|highest| *highest >= FIRST_PORT) else {
        return Ok(FIRST_PORT);
    };
    highest.checked_add(1).ok_or_else(|| {
        CliError::new(format!(
            "an agent here has port {highest}, and none is above"
        ))
        .of_kind(Failure::Conflict)
        .hint("choose a port with `--port`")
    })
}
