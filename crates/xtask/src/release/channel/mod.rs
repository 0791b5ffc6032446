//! `cargo xtask release verify`: does what a user does, per channel, and looks at what came of it.
//!
//! The same functions prove a published release on clean machines and a rehearsed one on this one;
//! only the [`Origin`] differs.

mod archive;
mod commands;
mod docker;
mod homebrew;
mod installer;
mod linux_package;
mod origin;
mod place;
mod pypi;
mod scoop;
mod self_update;

pub(crate) use commands::commands_work;
pub(crate) use origin::Origin;
pub(crate) use place::Place;
pub(crate) use pypi::{Form, prove as prove_python_package};

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use mesh_core::env::Environment;

use super::github::{Client, Token};
use super::{Project, ReleaseVersion, say};
use crate::root;

/// How a user gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channel {
    /// The shell installer, or the PowerShell one on Windows
    Installer,
    /// The installer of the release before, then `meshctl self update`
    SelfUpdate,
    /// The plain archive, verified by hand as the guide says
    Archive,
    /// `pip install mcp-mesh`
    Pypi,
    /// `brew install` from the tap
    Homebrew,
    /// `scoop install` from the bucket
    Scoop,
    /// The Debian package
    Deb,
    /// The RPM package
    Rpm,
    /// The container images
    Docker,
}

/// Which release is meant.
#[derive(Debug, Clone)]
pub(crate) enum Tag {
    /// The newest stable one.
    Latest,
    Version(ReleaseVersion),
}

impl FromStr for Tag {
    type Err = <ReleaseVersion as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            version => version.parse().map(Self::Version),
        }
    }
}

/// Install a published release as a user does, and use it
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The release's tag, or `latest`
    #[arg(long, default_value = "latest")]
    tag: Tag,
    /// The channel
    #[arg(long, value_enum)]
    how: Channel,
    /// Where releases are
    #[arg(long, default_value = "https://github.com")]
    github_base: String,
    /// The Python package index, if not pip's own
    #[arg(long)]
    index_url: Option<String>,
    /// The key that the release is signed with, if not the workspace's
    #[arg(long)]
    public_key: Option<String>,
    /// Say what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let project = Project::load(root::checkout())?;
    // Reading needs no token, but without one the server soon refuses to answer.
    let token = Token::read(&Environment::of_process(), Token::REPOSITORY);
    let client = Client::new(&args.github_base, &project, token)?;
    let Some(origin) = Origin::find(&client, &project, args, &args.tag)? else {
        say(format_args!("nothing is released yet"));
        return Ok(());
    };
    if args.dry_run {
        say(format_args!(
            "would install {} {} by {:?}, and use it",
            project.name, origin.version, args.how
        ));
        return Ok(());
    }
    let place = Place::new(&scratch(args), "verify")?;
    let proof = args.how.prove(&origin, &place)?;
    say(format_args!(
        "{:?}: {} ({})",
        args.how, proof.proven, proof.how
    ));
    place.remove()
}

/// What came of using a channel.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) proven: String,
    /// By which means.
    pub(crate) how: String,
}

impl Proof {
    pub(crate) fn new(proven: impl Into<String>, how: impl Into<String>) -> Self {
        Self {
            proven: proven.into(),
            how: how.into(),
        }
    }
}

impl Channel {
    /// Installs from `origin` into `place`, uses it, uninstalls it, and says what that proved.
    pub(crate) fn prove(self, origin: &Origin, place: &Place) -> anyhow::Result<Proof> {
        match self {
            Self::Installer => installer::prove(origin, place),
            Self::SelfUpdate => self_update::prove(origin, place),
            Self::Archive => archive::prove(origin, place),
            Self::Pypi => pypi::prove(origin, place, Form::Wheel),
            Self::Homebrew => homebrew::prove(origin, place),
            Self::Scoop => scoop::prove(origin, place),
            Self::Deb => linux_package::prove(origin, place, linux_package::Format::Deb),
            Self::Rpm => linux_package::prove(origin, place, linux_package::Format::Rpm),
            Self::Docker => docker::prove(origin),
        }
    }
}

fn scratch(args: &VerifyArgs) -> PathBuf {
    root::target().join(format!("verify-{:?}", args.how).to_lowercase())
}
