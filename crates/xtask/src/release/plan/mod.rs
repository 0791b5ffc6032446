//! `cargo xtask release plan`: what a run of the workflow builds and publishes.
//!
//! [`decision`] holds the rules, without a look at anything; this file asks the workspace and the
//! server what the rules need to know, and hands the result to people and to GitHub.

mod decision;
mod image_tags;
mod runner;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mesh_core::env::Environment;

use self::decision::{Event, Existing, Facts, Inputs, Plan, Requested, Stage, decide};
use super::github::{Client, Release, Token};
use super::image::bases::{self, Bases};
use super::image::public_registries;
use super::{Checksums, Project, ReleaseVersion, Tool, say};
use crate::root;

/// Decide what a run of the release workflow builds and publishes
///
/// Prints the plan as JSON.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// What started the workflow
    #[arg(long, value_enum)]
    event: Event,
    /// The tag that is asked for, such as `v1.2.3`; `dry-run` or nothing stands for the workspace's
    #[arg(long, default_value = "")]
    version: Requested,
    /// Whether anything may be published
    #[arg(long, value_enum)]
    environment: Stage,
    /// The commit that the workflow was started on
    #[arg(long, value_parser = super::commit)]
    commit: String,
    /// The checkout of that commit
    #[arg(long, default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
    /// Where releases are, if not where the workspace's repository is
    #[arg(long)]
    github_base: Option<String>,
    /// The file that GitHub reads a step's outputs from
    #[arg(long)]
    github_output: Option<PathBuf>,
    /// Change nothing, which planning never does; accepted because every verb knows it
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &PlanArgs) -> anyhow::Result<()> {
    let token = Token::read(&Environment::of_process(), Token::REPOSITORY);
    let plan = plan(args, token)?;
    if let Some(path) = &args.github_output {
        write_outputs(path, &plan)?;
    }
    say(format_args!("{}", serde_json::to_string_pretty(&plan)?));
    Ok(())
}

fn plan(args: &PlanArgs, token: Option<Token>) -> anyhow::Result<Plan> {
    let project = Project::load(&args.workspace)?;
    let inputs = Inputs {
        event: args.event,
        requested: args.version.clone(),
        stage: args.environment,
        commit: args.commit.clone(),
    };
    let facts = match &args.version {
        // A pull request, or a run for nobody: the server need not be asked.
        Requested::Tag(version) if args.event != Event::PullRequest => {
            let base = project.github_base(args.github_base.as_deref());
            let client = Client::new(base, &project, token)?;
            ask(&client, args, version)?
        }
        _ => {
            let bases = Bases::load(&args.workspace)?;
            facts(&project, &bases, Server::default())?
        }
    };
    decide(&inputs, &facts)
}

/// What is on the server; by default nothing.
struct Server {
    existing: Existing,
    tag_commit: Option<String>,
    published: Vec<ReleaseVersion>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            existing: Existing::Nothing,
            tag_commit: None,
            published: Vec::new(),
        }
    }
}

fn facts(project: &Project, bases: &Bases, server: Server) -> anyhow::Result<Facts> {
    let registries = public_registries(project)?;
    Ok(Facts {
        workspace: project.version.clone(),
        has_key: project.release.minisign_public_key.is_some(),
        image_registries: registries.iter().map(ToString::to_string).collect(),
        unpinned_bases: bases.unpinned(),
        existing: server.existing,
        tag_commit: server.tag_commit,
        published: server.published,
    })
}

/// What the server knows of `version`, and what the workspace says at its tag.
fn ask(client: &Client, args: &PlanArgs, version: &ReleaseVersion) -> anyhow::Result<Facts> {
    let tag_commit = client.commit_of_tag(&version.tag())?;
    let releases = client.releases()?;
    let commit = tag_commit.as_ref().filter(|commit| **commit != args.commit);
    let (project, bases) = match commit {
        Some(commit) => workspace_at(&args.workspace, commit)?,
        None => (
            Project::load(&args.workspace)?,
            Bases::load(&args.workspace)?,
        ),
    };
    let server = Server {
        existing: existing(client, &releases, version)?,
        tag_commit,
        published: releases
            .iter()
            .filter(|release| !release.draft)
            .filter_map(Release::version)
            .collect(),
    };
    facts(&project, &bases, server)
}

fn existing(
    client: &Client,
    releases: &[Release],
    version: &ReleaseVersion,
) -> anyhow::Result<Existing> {
    if let Some(release) = client.published(version)? {
        let is_ours = [Checksums::FILE, Checksums::SIGNATURE]
            .iter()
            .all(|name| release.has(name));
        return Ok(if is_ours {
            Existing::Complete
        } else {
            Existing::Incomplete
        });
    }
    let has_draft = releases
        .iter()
        .any(|release| release.draft && release.tag_name == version.tag());
    Ok(if has_draft {
        Existing::Draft
    } else {
        Existing::Nothing
    })
}

/// The project and the bases of its images as another commit of the same clone has them.
fn workspace_at(workspace: &Path, commit: &str) -> anyhow::Result<(Project, Bases)> {
    let show = |file: &str| {
        Tool::new("git")
            .current_dir(workspace)
            .args(["show", &format!("{commit}:{file}")])
            .output()
            .context(
                "failed to read the workspace at the tag; fetch the whole history before planning",
            )
    };
    let understand = || format!("failed to understand the workspace of commit {commit}");
    let project = Project::parse(workspace, &show("Cargo.toml")?).with_context(understand)?;
    let bases = Bases::parse(&show(bases::FILE)?).with_context(understand)?;
    Ok((project, bases))
}

/// What later jobs read, one line each.
fn write_outputs(path: &Path, plan: &Plan) -> anyhow::Result<()> {
    let outputs = [
        ("plan", serde_json::to_string(plan)?),
        ("publish", plan.publish.to_string()),
        ("source", plan.source.to_string()),
        ("stable", plan.stable.to_string()),
        ("commit", plan.commit.clone()),
    ];
    let lines = outputs
        .map(|(name, value)| format!("{name}={value}\n"))
        .concat();
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests;
