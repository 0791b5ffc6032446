//! What is known of each agent before anything is started.

use std::fs;
use std::path::PathBuf;

use super::settings::{Purpose, StartSettings};
use crate::error::{CliError, Kind};
use crate::home::ProcessName;
use crate::python_env::Surroundings;
use crate::supervisor::{GroupId, Launch};
use crate::{agent_name, entry_point, python_env};

/// One agent that is to be started.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: ProcessName,
    /// Under which name it will register, as far as its source tells.
    pub(super) declared: Option<String>,
    /// Interpreters that were nearer but cannot run it.
    pub(super) passed_over: Vec<String>,
    script: PathBuf,
    interpreter: PathBuf,
    working_dir: PathBuf,
}

impl Plan {
    /// The agents that were named, each with a script, an interpreter and a name of its own.
    pub(super) fn of_all(settings: &StartSettings) -> Result<Vec<Self>, CliError> {
        if settings.purpose == Purpose::RegistryOnly {
            return Ok(Vec::new());
        }
        let mut plans: Vec<Self> = Vec::new();
        for argument in &settings.agents {
            let plan = Self::of(argument, settings)?;
            if let Some(other) = plans.iter().find(|other| other.name == plan.name) {
                return Err(CliError::new(format!(
                    "two agents are called '{}': `{}` and `{}`",
                    plan.name,
                    other.script.display(),
                    plan.script.display()
                ))
                .of_kind(Kind::Conflict)
                .hint("give each its own name in `@mesh.agent(name=\"…\")`"));
            }
            plans.push(plan);
        }
        Ok(plans)
    }

    fn of(argument: &str, settings: &StartSettings) -> Result<Self, CliError> {
        let script = entry_point::resolve(argument, &settings.current_dir)?;
        let source = fs::read(&script).map_err(|error| {
            CliError::new(format!("cannot read `{}`", script.display())).because(error)
        })?;
        // A name is ASCII; whatever else the file is encoded in does not matter here.
        let declared = agent_name::declared(&String::from_utf8_lossy(&source));
        let name = declared
            .clone()
            .or_else(|| agent_name::from_path(&script))
            .unwrap_or_default();
        let folder = script
            .parent()
            .map_or_else(|| settings.current_dir.clone(), PathBuf::from);
        let interpreter = python_env::find(
            &script,
            Surroundings {
                current_dir: &settings.current_dir,
                program: settings.program.as_deref(),
                environment: &settings.environment,
            },
        )?;
        Ok(Self {
            name: ProcessName::parse(&name)?,
            declared,
            passed_over: interpreter.passed_over,
            interpreter: interpreter.path,
            working_dir: settings.working_dir.clone().unwrap_or(folder),
            script,
        })
    }

    /// How to start it.
    pub(super) fn launch(self, settings: &StartSettings, group: &GroupId) -> Launch {
        let mut variables = settings.agent_variables();
        let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
        set(mesh_core::env::EnvVars::MCP_MESH_GROUP_ID, group.as_str());
        // Log lines arrive when they are written.
        set("PYTHONUNBUFFERED", "1");
        Launch {
            name: self.name,
            program: self.interpreter,
            arguments: vec![self.script.display().to_string()],
            working_dir: self.working_dir,
            variables,
            // It would lead the environment's interpreter to another installation's files.
            removed_variables: vec!["PYTHONHOME"],
            group: Some(group.clone()),
        }
    }
}
