//! The rules: which event, version, environment and existing release lead to what.

use std::fmt;
use std::str::FromStr;

use anyhow::{bail, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{image_tags, runner};
use crate::release::image::bases;
use crate::release::{ReleaseVersion, Target};

/// What started the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Event {
    /// A tag was pushed
    Push,
    /// Somebody asked for a run
    WorkflowDispatch,
    /// A change is proposed
    PullRequest,
}

/// Whether anything may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    /// Build, verify, publish
    Production,
    /// Build and verify everything, publish nothing
    Test,
}

/// The version that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requested {
    /// Whatever the workspace says.
    Workspace,
    Tag(ReleaseVersion),
}

/// Everything that the starter of a run says.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    pub(super) event: Event,
    pub(super) requested: Requested,
    pub(super) stage: Stage,
    pub(super) commit: String,
}

/// What is on the server under the version's tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Nothing,
    /// A run that did not end left it; nobody but maintainers can see it.
    Draft,
    /// Published, with signed checksums.
    Complete,
    /// Published by something else than these tools.
    Incomplete,
}

/// Everything that the rules have to know beside the inputs.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The version that the workspace says at the commit that would be built.
    pub(super) workspace: ReleaseVersion,
    /// Whether the workspace says there which key releases are signed with.
    pub(super) has_key: bool,
    /// Where images are published, as the workspace says.
    pub(super) image_registries: Vec<String>,
    /// What images are built on without a digest in the workspace.
    pub(super) unpinned_bases: Vec<String>,
    pub(super) existing: Existing,
    /// The commit of the version's tag, if there is such a tag.
    pub(super) tag_commit: Option<String>,
    /// Every published version.
    pub(super) published: Vec<ReleaseVersion>,
}

/// Where the files of a release come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// They are built.
    Build,
    /// They are published already, and fetched.
    Release,
}

/// What a run does. Later jobs read it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// `v1.2.3`.
    pub(crate) tag: String,
    /// `1.2.3`.
    pub(crate) version: String,
    /// The version as PyPI spells it.
    pub(crate) pep440: String,
    /// The commit that is built.
    pub(crate) commit: String,
    /// Whether tap, bucket and `latest` follow.
    pub(crate) stable: bool,
    /// Whether anything is published.
    pub(crate) publish: bool,
    pub(crate) source: Source,
    /// What is built, and where.
    pub(crate) targets: Vec<PlannedTarget>,
    /// Whether targets that are not built are stood in for by archives that hold no program.
    pub(crate) lies: bool,
    /// Where images are published; an image's name comes behind each of these.
    pub(crate) image_registries: Vec<String>,
    /// The tags that images get once they are published.
    pub(crate) docker_tags: Vec<String>,
}

/// One line of the workflow's matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedTarget {
    pub(crate) target: String,
    pub(crate) runner: String,
}

/// What a pull request builds: the target that the workflow's own machines run.
const DRY_TARGET: &str = "x86_64-unknown-linux-gnu";

/// Applies the rules.
pub(super) fn decide(inputs: &Inputs, facts: &Facts) -> anyhow::Result<Plan> {
    let publish = match (inputs.event, inputs.stage) {
        (Event::PullRequest, _) => return Ok(dry(inputs, facts)),
        (Event::Push | Event::WorkflowDispatch, Stage::Production) => true,
        (Event::Push | Event::WorkflowDispatch, Stage::Test) => false,
    };
    let commit = commit(inputs, facts)?;
    if let Requested::Tag(version) = &inputs.requested
        && *version != facts.workspace
    {
        bail!(
            "{} is asked for, but the workspace at commit {commit} says {}; `cargo xtask release \
             prepare {version}` changes it",
            version.tag(),
            facts.workspace
        );
    }
    if publish {
        may_publish(inputs, facts)?;
    }
    let version = &facts.workspace;
    let source = if publish && facts.existing == Existing::Complete {
        Source::Release
    } else {
        // A draft counts for nothing: publishing throws it away and makes another.
        Source::Build
    };
    let targets = match source {
        Source::Build => Target::ALL.into_iter().map(planned).collect(),
        Source::Release => Vec::new(),
    };
    Ok(Plan {
        tag: version.tag(),
        version: version.to_string(),
        pep440: version.pep440(),
        commit,
        stable: version.is_stable(),
        publish,
        source,
        targets,
        lies: false,
        image_registries: facts.image_registries.clone(),
        docker_tags: if publish {
            image_tags::of(version, &facts.published)
        } else {
            Vec::new()
        },
    })
}

/// A pull request shows that building works; whatever it asks for, nothing is published.
fn dry(inputs: &Inputs, facts: &Facts) -> Plan {
    let version = &facts.workspace;
    let host = Target::ALL
        .into_iter()
        .filter(|target| target.triple() == DRY_TARGET);
    Plan {
        tag: version.tag(),
        version: version.to_string(),
        pep440: version.pep440(),
        commit: inputs.commit.clone(),
        stable: version.is_stable(),
        publish: false,
        source: Source::Build,
        targets: host.map(planned).collect(),
        lies: true,
        image_registries: facts.image_registries.clone(),
        docker_tags: Vec::new(),
    }
}

/// The tag's commit, and without a tag the one that the run was started on.
fn commit(inputs: &Inputs, facts: &Facts) -> anyhow::Result<String> {
    match (inputs.event, &facts.tag_commit) {
        (Event::Push, Some(tagged)) if *tagged != inputs.commit => bail!(
            "{} was pushed at commit {}, but is at {tagged} now; a release's tag must not move",
            facts.workspace.tag(),
            inputs.commit
        ),
        (_, Some(tagged)) => Ok(tagged.clone()),
        (_, None) => Ok(inputs.commit.clone()),
    }
}

fn may_publish(inputs: &Inputs, facts: &Facts) -> anyhow::Result<()> {
    if inputs.requested == Requested::Workspace {
        bail!(
            "production publishes a version that somebody named; pass `version`, such as `v1.2.3`"
        );
    }
    if !facts.has_key {
        bail!(
            "the workspace does not say which key releases are signed with; `cargo xtask release \
             new-key` makes one"
        );
    }
    bases::require_pinned(&facts.unpinned_bases)?;
    if facts.existing == Existing::Incomplete {
        bail!(
            "{} is published without signed checksums, so by something else; published bytes are \
             never replaced. Release a new version",
            facts.workspace.tag()
        );
    }
    Ok(())
}

fn planned(target: Target) -> PlannedTarget {
    PlannedTarget {
        target: target.triple().to_owned(),
        runner: runner::of(target).to_owned(),
    }
}

impl FromStr for Requested {
    type Err = anyhow::Error;

    /// Takes tags in one spelling: runs for one release wait for each other by what was typed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "" | "dry-run") {
            return Ok(Self::Workspace);
        }
        let version: ReleaseVersion = text.parse()?;
        ensure!(
            text == version.tag(),
            "a run is for a tag; write `{}`",
            version.tag()
        );
        Ok(Self::Tag(version))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Build => "build",
            Self::Release => "release",
        })
    }
}
