//! The formula in its tap and the manifest in its bucket.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use mesh_core::env::Environment;

use super::github::{Client, Token};
use super::project::APP;
use super::{Project, ReleaseVersion, say, signature};
use crate::root;

/// Bring formula and manifest of a published release to tap and bucket
///
/// Reads the tokens from `TAP_TOKEN` and `BUCKET_TOKEN`. Commits only what differs.
#[derive(Debug, clap::Args)]
pub(crate) struct PublishPackagesArgs {
    /// The folder of the release's files
    #[arg(long)]
    dir: PathBuf,
    /// The checkout that was built
    #[arg(long, default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
    /// Where repositories are, if not where the workspace's is
    #[arg(long)]
    github_base: Option<String>,
    /// The key that the release is signed with, if not the workspace's
    #[arg(long)]
    public_key: Option<String>,
    /// Say what would be committed
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &PublishPackagesArgs) -> anyhow::Result<()> {
    publish(args, &Environment::of_process()).map(drop)
}

/// How publishing one package ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Committed,
    Unchanged,
    DryRun,
}

/// One package, and where it goes.
struct Package<'a> {
    file: String,
    folder: &'static str,
    repository: &'a str,
    variable: &'static str,
}

/// Nothing happens for a version that tap and bucket do not follow.
fn publish(args: &PublishPackagesArgs, environment: &Environment) -> anyhow::Result<Vec<Outcome>> {
    let project = Project::load(&args.workspace)?;
    let version = &project.version;
    if !version.is_stable() {
        say(format_args!(
            "{version} is a prerelease; tap and bucket stay as they are"
        ));
        return Ok(Vec::new());
    }
    let base = project.github_base(args.github_base.as_deref());
    let token = Token::read(environment, Token::REPOSITORY);
    let client = Client::new(base, &project, token)?;
    if let Some(newer) = newer(&client, version)? {
        say(format_args!(
            "{newer} is newer than {version}; tap and bucket stay as they are"
        ));
        return Ok(Vec::new());
    }
    let public_key = signature::public_key(args.public_key.as_deref(), &project)?;
    let sums = signature::verify_folder(&args.dir, public_key, version)?;
    let packages = [
        Package {
            file: format!("{APP}.rb"),
            folder: "Formula",
            repository: &project.release.homebrew_tap,
            variable: Token::TAP,
        },
        Package {
            file: format!("{APP}.json"),
            folder: "bucket",
            repository: &project.release.scoop_bucket,
            variable: Token::BUCKET,
        },
    ];
    for package in &packages {
        sums.verify_file(&args.dir.join(&package.file))?;
    }
    let outcomes: Vec<_> = packages
        .iter()
        .map(|package| {
            let token = Token::read(environment, package.variable);
            let client = client.neighbour(package.repository, token);
            bring(args, &client, package, version)
        })
        .collect();
    together(outcomes)
}

/// Every outcome, or all that went wrong: a token that ran out must not hold back the other repository.
fn together(outcomes: Vec<anyhow::Result<Outcome>>) -> anyhow::Result<Vec<Outcome>> {
    let mut done = Vec::new();
    let mut failed = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(outcome) => done.push(outcome),
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(done)
}

fn newer(client: &Client, version: &ReleaseVersion) -> anyhow::Result<Option<ReleaseVersion>> {
    let versions = client.versions()?;
    let newest = versions.into_iter().filter(ReleaseVersion::is_stable).max();
    Ok(newest.filter(|newest| newest > version))
}

fn bring(
    args: &PublishPackagesArgs,
    client: &Client,
    package: &Package<'_>,
    version: &ReleaseVersion,
) -> anyhow::Result<Outcome> {
    let Package {
        file,
        folder,
        repository,
        variable,
    } = package;
    let source = args.dir.join(file);
    let ours =
        fs::read(&source).with_context(|| format!("failed to read `{}`", source.display()))?;
    let path = format!("{folder}/{file}");
    let old = client.read_file(&path)?;
    if old.as_ref().is_some_and(|old| old.bytes == ours) {
        say(format_args!(
            "`{path}` of {repository} is unchanged; nothing to commit"
        ));
        return Ok(Outcome::Unchanged);
    }
    if args.dry_run {
        say(format_args!("would commit `{path}` to {repository}"));
        return Ok(Outcome::DryRun);
    }
    client.require_token(variable)?;
    client.write_file(&path, &ours, old.as_ref(), &format!("{APP} {version}"))?;
    let now = client.read_file(&path)?;
    ensure!(
        now.is_some_and(|now| now.bytes == ours),
        "`{path}` of {repository} was committed, but does not read so; run this again"
    );
    say(format_args!("committed `{path}` to {repository}"));
    Ok(Outcome::Committed)
}

#[cfg(test)]
mod tests {
    use mesh_test::{Hub, Script, ScriptedServer};

    use super::super::sample_release::Sample;
    use super::*;

    fn args(sample: &Sample) -> PublishPackagesArgs {
        PublishPackagesArgs {
            dir: sample.upload(),
            workspace: sample.workspace(),
            github_base: Some(sample.hub.base_url().to_owned()),
            public_key: None,
            dry_run: false,
        }
    }

    fn tokens() -> Environment {
        Environment::from_iter([(Token::TAP, "of the tap"), (Token::BUCKET, "of the bucket")])
    }

    /// What each repository was sent, and with which token.
    fn commits(hub: &Hub) -> Vec<(String, Option<String>)> {
        let writes = hub.writes().into_iter();
        writes.map(|write| (write.path, write.token)).collect()
    }

    #[test]
    fn tap_and_bucket_get_one_commit_each_with_a_token_each() {
        let sample = Sample::new("4.0.0");
        let args = args(&sample);
        let outcomes = publish(&args, &tokens()).unwrap();
        assert_eq!(outcomes, [Outcome::Committed, Outcome::Committed]);
        let api = "/api/v3/repos/acme";
        assert_eq!(
            commits(&sample.hub),
            [
                (
                    format!("{api}/homebrew-tap/contents/Formula/mcp-mesh.rb"),
                    Some("of the tap".to_owned())
                ),
                (
                    format!("{api}/bucket/contents/bucket/mcp-mesh.json"),
                    Some("of the bucket".to_owned())
                ),
            ]
        );
        let contents = sample.hub.root().join("contents/acme");
        assert_eq!(
            fs::read(contents.join("homebrew-tap/Formula/mcp-mesh.rb")).unwrap(),
            fs::read(sample.upload().join("mcp-mesh.rb")).unwrap()
        );

        let outcomes = publish(&args, &Environment::default()).unwrap();
        assert_eq!(outcomes, [Outcome::Unchanged, Outcome::Unchanged]);
        assert_eq!(sample.hub.writes().len(), 2);

        sample.change("mcp-mesh.rb", "other");
        let outcomes = publish(&args, &tokens()).unwrap();
        assert_eq!(outcomes, [Outcome::Committed, Outcome::Unchanged]);
    }

    #[test]
    fn without_a_token_the_variable_is_named() {
        let sample = Sample::new("4.0.0");
        let environment = Environment::from_iter([(Token::REPOSITORY, "of the repository")]);
        let error = publish(&args(&sample), &environment)
            .unwrap_err()
            .to_string();
        assert!(error.contains("`TAP_TOKEN` is not set"), "{error}");
        assert!(error.contains("`acme/homebrew-tap`"), "{error}");
        assert_eq!(sample.hub.writes(), []);
        let strangers = sample.hub.requests().into_iter();
        for request in strangers.filter(|request| request.path.contains("homebrew-tap")) {
            assert_eq!(request.token, None, "{}", request.path);
        }
    }

    #[test]
    fn a_tap_that_refuses_does_not_hold_back_the_bucket() {
        let sample = Sample::new("4.0.0");
        let environment = Environment::from_iter([(Token::BUCKET, "of the bucket")]);
        let error = publish(&args(&sample), &environment)
            .unwrap_err()
            .to_string();
        assert!(error.contains("`TAP_TOKEN` is not set"), "{error}");
        let tokens: Vec<_> = commits(&sample.hub)
            .into_iter()
            .map(|(_, token)| token)
            .collect();
        assert_eq!(tokens, [Some("of the bucket".to_owned())]);
    }

    #[test]
    fn a_dry_run_writes_nothing() {
        let sample = Sample::new("4.0.0");
        let mut args = args(&sample);
        args.dry_run = true;
        let outcomes = publish(&args, &tokens()).unwrap();
        assert_eq!(outcomes, [Outcome::DryRun, Outcome::DryRun]);
        assert_eq!(sample.hub.writes(), []);
    }

    #[test]
    fn neither_a_prerelease_nor_an_old_line_touches_tap_and_bucket() {
        let candidate = Sample::new("4.1.0-rc.1");
        assert_eq!(publish(&args(&candidate), &tokens()).unwrap(), []);
        assert_eq!(candidate.hub.requests(), []);

        let patch = Sample::new("4.0.1");
        fs::create_dir_all(patch.hub.root().join("releases/v4.1.0")).unwrap();
        assert_eq!(publish(&args(&patch), &tokens()).unwrap(), []);
        assert_eq!(patch.hub.writes(), []);
    }

    #[test]
    fn a_package_that_differs_from_its_checksum_goes_nowhere() {
        let sample = Sample::new("4.0.0");
        fs::write(sample.upload().join("mcp-mesh.json"), "tampered").unwrap();
        let error = publish(&args(&sample), &tokens()).unwrap_err().to_string();
        assert!(
            error.contains("`mcp-mesh.json` has the checksum"),
            "{error}"
        );
        assert_eq!(sample.hub.writes(), []);
    }

    #[test]
    fn a_commit_that_does_not_read_back_is_an_error() {
        let sample = Sample::new("4.0.0");
        let server = ScriptedServer::start(|request| {
            if request.method == "PUT" || request.path.contains("/releases") {
                Script::json("[]")
            } else {
                Script::body(404, "application/json", "{}")
            }
        });
        let mut args = args(&sample);
        args.github_base = Some(server.url());
        let error = publish(&args, &tokens()).unwrap_err().to_string();
        assert!(error.contains("does not read so"), "{error}");
    }
}
