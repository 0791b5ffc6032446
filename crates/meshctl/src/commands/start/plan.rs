//! What is known of each agent before anything is started.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::env::EnvVars;

use super::settings::{Purpose, StartSettings};
use crate::error::{CliError, Kind};
use crate::home::{Home, ProcessName};
use crate::language::{Language, Runner};
use crate::python_env::Surroundings;
use crate::reload::{Check, Orders, Snapshot, Sources, Watched};
use crate::supervisor::{GroupId, Launch};
use crate::{agent_name, entry_point, java_env, node_env, python_env};

/// One agent that is to be started.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: ProcessName,
    /// Under which name it will register, as far as its source tells.
    pub(super) declared: Option<String>,
    /// Interpreters that were nearer but cannot run it.
    pub(super) passed_over: Vec<String>,
    /// A script, a jar or a `pom.xml`.
    script: PathBuf,
    language: Language,
    runner: Runner,
    working_dir: PathBuf,
}

/// What a source says of its agent.
#[derive(Debug, Default)]
struct Names {
    declared: Option<String>,
    /// What it is called otherwise, if there is something better than its file.
    fallback: Option<String>,
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
                if other.script == plan.script {
                    let message = format!("`{}` was named twice", plan.script.display());
                    return Err(CliError::new(message)
                        .of_kind(Kind::Conflict)
                        .hint("name it once"));
                }
                return Err(CliError::new(format!(
                    "two agents are called '{}': `{}` and `{}`",
                    plan.name,
                    other.script.display(),
                    plan.script.display()
                ))
                .of_kind(Kind::Conflict)
                .hint(format!(
                    "give each its own name in `{}`",
                    plan.language.declaration()
                )));
            }
            plans.push(plan);
        }
        Ok(plans)
    }

    fn of(argument: &str, settings: &StartSettings) -> Result<Self, CliError> {
        let (script, language) = entry_point::resolve(argument, &settings.current_dir)?;
        let Names { declared, fallback } = names(&script, language)?;
        let name = declared
            .clone()
            .or(fallback)
            .or_else(|| agent_name::from_path(&script))
            .unwrap_or_default();
        let folder = script
            .parent()
            .map_or_else(|| settings.current_dir.clone(), PathBuf::from);
        let (runner, passed_over) = runner(&script, language, settings)?;
        Ok(Self {
            name: ProcessName::parse(&name)?,
            declared,
            passed_over,
            runner,
            language,
            working_dir: settings.working_dir.clone().unwrap_or(folder),
            script,
        })
    }

    /// How to watch it, seen before it is started as `launch`.
    pub(super) fn orders(
        &self,
        settings: &StartSettings,
        launch: &Launch,
        home: &Home,
    ) -> Option<Orders> {
        let watch = settings.watch?;
        let folder = self.script.parent()?.to_owned();
        let (sources, check) = match self.language {
            Language::Python => {
                let roots = [folder].into_iter().chain(settings.working_dir.clone());
                let check = Check::Python(self.runner.program.clone());
                (Sources::new(Watched::Python, roots.collect()), check)
            }
            Language::Java => {
                let sources = Sources::new(Watched::Java, vec![folder.join("src")]);
                let maven = self.runner.program.clone();
                (sources, Check::Maven { maven, folder })
            }
            // They watch their files themselves.
            Language::TypeScript | Language::JavaScript => return None,
        };
        let environment = &settings.environment;
        let is_fixed = environment.get(EnvVars::MCP_MESH_HTTP_PORT).is_some()
            || environment.get(EnvVars::MCP_MESH_HTTP_ENDPOINT).is_some();
        Some(Orders {
            home: home.root().to_owned(),
            launch: launch.clone(),
            loaded: sources.snapshot(&Snapshot::default()),
            sources,
            check: if watch.check { check } else { Check::Off },
            debounce: watch.debounce,
            script: self.script.clone(),
            // A project says where it listens in files that nobody reads here.
            keeps_port: self.language == Language::Python && !is_fixed,
            port: None,
        })
    }

    /// How to start it.
    pub(super) fn launch(&self, settings: &StartSettings, group: &GroupId) -> Launch {
        let mut variables = settings.agent_variables();
        let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.to_owned()));
        set(EnvVars::MCP_MESH_GROUP_ID, group.as_str());
        match self.language {
            // Log lines arrive when they are written.
            Language::Python => set("PYTHONUNBUFFERED", "1"),
            Language::Java => set("SPRING_MAIN_BANNER_MODE", "off"),
            Language::TypeScript | Language::JavaScript => {}
        }
        Launch {
            name: self.name.clone(),
            program: self.runner.program.clone(),
            arguments: self.runner.arguments.clone(),
            working_dir: self.working_dir.clone(),
            variables,
            // It would lead the environment's interpreter to another installation's files.
            removed_variables: vec!["PYTHONHOME".to_owned()],
            identity: settings.identity,
            group: Some(group.clone()),
        }
    }
}

fn names(script: &Path, language: Language) -> Result<Names, CliError> {
    let source = || {
        let bytes = fs::read(script).map_err(|error| {
            CliError::new(format!("cannot read `{}`", script.display())).because(error)
        })?;
        // A name is ASCII; whatever else the file is encoded in does not matter here.
        Ok::<_, CliError>(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(match language {
        Language::Python => Names {
            declared: agent_name::in_python(&source()?),
            fallback: None,
        },
        Language::TypeScript | Language::JavaScript => Names {
            declared: agent_name::in_typescript(&source()?),
            fallback: None,
        },
        Language::Java if script.ends_with("pom.xml") => {
            let root = script.parent().unwrap_or(script);
            let (declared, fallback) = agent_name::of_project(root);
            Names { declared, fallback }
        }
        Language::Java => Names {
            declared: None,
            fallback: agent_name::of_jar(script),
        },
    })
}

/// What runs the agent, and what was passed over in the search for it.
fn runner(
    script: &Path,
    language: Language,
    settings: &StartSettings,
) -> Result<(Runner, Vec<String>), CliError> {
    let environment = &settings.environment;
    let path = script.display().to_string();
    match language {
        Language::Python => {
            let around = Surroundings {
                current_dir: &settings.current_dir,
                program: settings.program.as_deref(),
                environment,
            };
            let interpreter = python_env::find(script, around)?;
            let runner = Runner {
                program: interpreter.path,
                arguments: vec![path],
            };
            Ok((runner, interpreter.passed_over))
        }
        Language::TypeScript | Language::JavaScript => {
            let watches = settings.watch.is_some();
            let mut runner = node_env::find(script, language, environment, watches)?;
            runner.arguments.push(path);
            Ok((runner, Vec::new()))
        }
        Language::Java => Ok((java_env::find(script, environment)?, Vec::new())),
    }
}
