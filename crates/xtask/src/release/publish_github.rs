//! The release on GitHub: made as a draft, filled, then shown. Later channels take its bytes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use mesh_core::env::Environment;

use super::checksums::sha256_of_file;
use super::github::{Asset, Client, Draft, Release, Token};
use super::{Checksums, Project, Tool, notes, say, signature, stand_ins};
use crate::root;

/// Publish an assembled, signed release on GitHub
///
/// Reads the token from `GH_TOKEN`. A release that is published already is recognised and never
/// changed; a draft that an earlier run left is thrown away.
#[derive(Debug, clap::Args)]
pub(crate) struct PublishGithubArgs {
    /// The folder of the release's files
    #[arg(long)]
    dir: PathBuf,
    /// The checkout that was built
    #[arg(long, default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
    /// The commit that was built, if not the checkout's
    #[arg(long, value_parser = super::commit)]
    commit: Option<String>,
    /// Where releases are, if not where the workspace's repository is
    #[arg(long)]
    github_base: Option<String>,
    /// The key that the release is signed with, if not the workspace's
    #[arg(long)]
    public_key: Option<String>,
    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &PublishGithubArgs) -> anyhow::Result<()> {
    let token = Token::read(&Environment::of_process(), Token::REPOSITORY);
    publish(args, token).map(drop)
}

/// How publishing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Published,
    AlreadyThere,
    DryRun,
}

fn publish(args: &PublishGithubArgs, token: Option<Token>) -> anyhow::Result<Outcome> {
    let project = Project::load(&args.workspace)?;
    let version = &project.version;
    let dir = &args.dir;
    let public_key = signature::public_key(args.public_key.as_deref(), &project)?;
    let sums = signature::verify_folder(dir, public_key, version)?;
    sums.verify_folder(dir)?;
    let changelog = args.workspace.join("CHANGELOG.md");
    let changelog = fs::read_to_string(&changelog)
        .with_context(|| format!("failed to read `{}`", changelog.display()))?;
    let notes = notes::of(&changelog, version)?;

    let base = project.github_base(args.github_base.as_deref());
    let client = Client::new(base, &project, token)?;
    if !client.is_local() {
        stand_ins::refuse(dir)?;
    }
    if client.published(version)?.is_some() {
        compare(&client, &project, dir)?;
        say(format_args!(
            "{} is already published with these bytes",
            version.tag()
        ));
        return Ok(Outcome::AlreadyThere);
    }
    let commit = commit(args, &client, &project)?;
    let leftovers = leftovers(&client, &project)?;
    let files = files(dir, &sums);
    if args.dry_run {
        say(format_args!(
            "would publish {} of commit {commit} with {} files, in the place of {} drafts",
            version.tag(),
            files.len(),
            leftovers.len()
        ));
        return Ok(Outcome::DryRun);
    }
    for leftover in &leftovers {
        say(format_args!("throwing away the draft {}", leftover.id));
        client.delete_draft(leftover)?;
    }
    let draft = client.create_draft(&Draft {
        version,
        commit: &commit,
        title: version.to_string(),
        notes,
    })?;
    for (number, path) in files.iter().enumerate() {
        let asset = client.upload_asset(&draft, path)?;
        say(format_args!(
            "{}/{} {}",
            number + 1,
            files.len(),
            asset.name
        ));
    }
    check_uploaded(&client.assets(draft.id)?, &files)?;
    client.publish_draft(&draft, version)?;
    compare(&client, &project, dir)?;
    say(format_args!("published {}", version.tag()));
    Ok(Outcome::Published)
}

/// Everything that is uploaded: what the checksums list, the checksums, and their signature.
fn files(dir: &Path, sums: &Checksums) -> Vec<PathBuf> {
    sums.iter()
        .map(|(name, _)| name)
        .chain([Checksums::FILE, Checksums::SIGNATURE])
        .map(|name| dir.join(name))
        .collect()
}

/// Drafts of this version that earlier runs left.
fn leftovers(client: &Client, project: &Project) -> anyhow::Result<Vec<Release>> {
    let tag = project.version.tag();
    let mut releases = client.releases()?;
    releases.retain(|release| release.draft && release.tag_name == tag);
    Ok(releases)
}

/// The commit that was built; a tag that is there must be on it.
fn commit(args: &PublishGithubArgs, client: &Client, project: &Project) -> anyhow::Result<String> {
    let built = match &args.commit {
        Some(commit) => commit.clone(),
        None => Tool::new("git")
            .current_dir(&args.workspace)
            .args(["rev-parse", "HEAD"])
            .output()
            .context("failed to find out which commit was built; pass `--commit`")?,
    };
    let tag = project.version.tag();
    match client.commit_of_tag(&tag)? {
        Some(tagged) if tagged != built => {
            bail!("{tag} is the tag of commit {tagged}, but commit {built} was built")
        }
        _ => Ok(built),
    }
}

/// Whether what is published is what lies in `dir`.
fn compare(client: &Client, project: &Project, dir: &Path) -> anyhow::Result<()> {
    let tag = project.version.tag();
    let published = client
        .download_text(&client.asset_url(&tag, Checksums::FILE))
        .with_context(|| format!("{tag} is published, but not with the files of this release"))?;
    let ours = Checksums::read(dir)?;
    ensure!(
        published == ours.to_text(),
        "{tag} is published with other bytes than those in `{}`; published bytes are never replaced. \
         Release a new version, or `cargo xtask release fetch` what is published",
        dir.display()
    );
    Ok(())
}

/// The server must hold every file, byte for byte, and no other before anybody sees the release.
fn check_uploaded(uploaded: &[Asset], files: &[PathBuf]) -> anyhow::Result<()> {
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let size = fs::metadata(path)
            .with_context(|| format!("failed to read `{}`", path.display()))?
            .len();
        let there = uploaded.iter().find(|asset| asset.name == name);
        ensure!(
            there.is_some_and(|asset| asset.size == size),
            "`{name}` has {size} bytes here, on the server {}; run this again, which starts over",
            there.map_or("none".to_owned(), |asset| asset.size.to_string())
        );
        if let Some(theirs) = there.and_then(|asset| asset.digest.as_deref()) {
            let ours = format!("sha256:{}", sha256_of_file(path)?);
            ensure!(
                theirs == ours,
                "`{name}` is {ours} here, on the server {theirs}; find out who changed the draft, then \
                 run this again, which starts over"
            );
        }
    }
    ensure!(
        uploaded.len() == files.len(),
        "the draft has {} files, expected {}",
        uploaded.len(),
        files.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use mesh_test::Fault;

    use super::super::sample_release::{Sample, token};
    use super::*;

    fn args(sample: &Sample) -> PublishGithubArgs {
        PublishGithubArgs {
            dir: sample.upload(),
            workspace: sample.workspace(),
            commit: Some("c0ffee".to_owned()),
            github_base: Some(sample.hub.base_url().to_owned()),
            public_key: None,
            dry_run: false,
        }
    }

    fn gh_token() -> Option<Token> {
        token(Token::REPOSITORY)
    }

    fn refusal(args: &PublishGithubArgs) -> String {
        format!("{:#}", publish(args, gh_token()).unwrap_err())
    }

    #[test]
    fn a_release_is_published_once() {
        let sample = Sample::new("4.0.0");
        let args = args(&sample);
        assert_eq!(publish(&args, gh_token()).unwrap(), Outcome::Published);
        let published = sample.hub.root().join("releases/v4.0.0");
        for name in ["mcp-mesh.rb", "a+b.txt", "SHA256SUMS", "SHA256SUMS.minisig"] {
            assert_eq!(
                fs::read(published.join(name)).unwrap(),
                fs::read(sample.upload().join(name)).unwrap(),
                "{name}"
            );
        }
        let facts = fs::read_to_string(sample.hub.root().join("published/v4.0.0.json")).unwrap();
        assert!(facts.contains("* What users see."), "{facts}");
        let tag = fs::read_to_string(sample.hub.root().join("tags/v4.0.0")).unwrap();
        assert_eq!(tag, "c0ffee");

        let writes = sample.hub.writes();
        assert_eq!(publish(&args, gh_token()).unwrap(), Outcome::AlreadyThere);
        assert_eq!(publish(&args, None).unwrap(), Outcome::AlreadyThere);
        assert_eq!(sample.hub.writes(), writes);
        let downloads = sample.hub.requests().into_iter();
        for request in downloads.filter(|request| request.path.contains("/download/")) {
            assert_eq!(request.token, None, "{}", request.path);
        }
    }

    #[test]
    fn published_bytes_are_never_replaced() {
        let sample = Sample::new("4.0.0");
        let args = args(&sample);
        publish(&args, gh_token()).unwrap();
        let writes = sample.hub.writes();
        sample.change("mcp-mesh.rb", "other");
        let error = refusal(&args);
        assert!(error.contains("never replaced"), "{error}");
        assert_eq!(sample.hub.writes(), writes);
    }

    #[test]
    fn a_draft_that_was_left_is_made_anew() {
        let sample = Sample::new("4.0.0");
        let args = args(&sample);
        sample.hub.spoil("/assets", Fault::ServerError);
        let error = refusal(&args);
        assert!(error.contains("500"), "{error}");
        assert!(sample.hub.root().join("drafts/1").exists());
        assert!(!sample.hub.root().join("releases").exists());

        sample.hub.heal();
        assert_eq!(publish(&args, gh_token()).unwrap(), Outcome::Published);
        let drafts = fs::read_dir(sample.hub.root().join("drafts")).unwrap();
        assert_eq!(drafts.count(), 0);
    }

    #[test]
    fn a_dry_run_writes_nothing() {
        let sample = Sample::new("4.0.0");
        let mut args = args(&sample);
        args.dry_run = true;
        assert_eq!(publish(&args, gh_token()).unwrap(), Outcome::DryRun);
        assert_eq!(sample.hub.writes(), []);
    }

    #[test]
    fn without_a_token_the_variable_is_named() {
        let sample = Sample::new("4.0.0");
        let error = publish(&args(&sample), None).unwrap_err().to_string();
        assert!(error.contains("`GH_TOKEN` is not set"), "{error}");
        assert_eq!(sample.hub.writes(), []);
    }

    #[test]
    fn what_is_not_signed_as_this_version_is_not_published() {
        let sample = Sample::new("4.0.0");
        let mut args = args(&sample);
        args.public_key = Some(Sample::new("4.0.0").public_key());
        let error = refusal(&args);
        assert!(error.contains("was not made over it"), "{error}");
        args.public_key = None;

        sample.sign_as("mcp-mesh v4.0.1");
        let error = refusal(&args);
        assert!(error.contains("another release"), "{error}");
        sample.sign_as("mcp-mesh v4.0.0");

        fs::write(sample.upload().join("unlisted.txt"), "").unwrap();
        let error = refusal(&args);
        assert!(error.contains("`unlisted.txt` is there and not"), "{error}");
        assert_eq!(sample.hub.requests(), []);
    }

    #[test]
    fn the_world_gets_programs_only() {
        let sample = Sample::new("4.0.0");
        let mut args = args(&sample);
        args.github_base = Some("https://git.invalid".to_owned());
        let error = refusal(&args);
        let first = crate::release::Target::ALL[0].archive();
        assert!(error.contains(&first), "{error}");
    }

    #[test]
    fn a_draft_that_somebody_changed_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.txt");
        fs::write(&file, "a").unwrap();
        let files = [file];
        let ours = sha256_of_file(&files[0]).unwrap();
        let asset = |size, digest: &str| Asset {
            name: "a.txt".to_owned(),
            size,
            digest: Some(format!("sha256:{digest}")),
        };
        let good = asset(1, &ours);
        check_uploaded(std::slice::from_ref(&good), &files).unwrap();
        for (uploaded, says) in [
            (vec![], "on the server none"),
            (vec![asset(2, &ours)], "on the server 2"),
            (vec![asset(1, "c0ffee")], "on the server sha256:c0ffee"),
            (
                vec![
                    good.clone(),
                    Asset {
                        name: "b.txt".to_owned(),
                        ..good
                    },
                ],
                "has 2 files, expected 1",
            ),
        ] {
            let error = check_uploaded(&uploaded, &files).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_tag_on_another_commit_is_respected() {
        let sample = Sample::new("4.0.0");
        fs::create_dir_all(sample.hub.root().join("tags")).unwrap();
        fs::write(sample.hub.root().join("tags/v4.0.0"), "beef").unwrap();
        let error = refusal(&args(&sample));
        assert!(
            error.contains("tag of commit beef, but commit c0ffee"),
            "{error}"
        );
        assert_eq!(sample.hub.writes(), []);
    }
}
