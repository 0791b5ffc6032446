//! A published release, brought back to where it was made.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use mesh_core::env::Environment;

use super::github::{Client, Token};
use super::{Checksums, Project, ReleaseVersion, say, signature};
use crate::root;

/// Download every file of a published release, verified
///
/// This is what a second run of the release workflow goes on with, instead of building again.
#[derive(Debug, clap::Args)]
pub(crate) struct FetchArgs {
    /// The version or its tag, if not the workspace's
    #[arg(long, alias = "tag")]
    version: Option<ReleaseVersion>,
    /// The folder that the files are put into
    #[arg(long)]
    dir: PathBuf,
    /// The checkout that says where releases are and how they are signed
    #[arg(long, default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
    /// Where releases are, if not where the workspace's repository is
    #[arg(long)]
    github_base: Option<String>,
    /// The key that the release is signed with, if not the workspace's
    #[arg(long)]
    public_key: Option<String>,
    /// Say what would be downloaded
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &FetchArgs) -> anyhow::Result<()> {
    let token = Token::read(&Environment::of_process(), Token::REPOSITORY);
    fetch(args, token)
}

fn fetch(args: &FetchArgs, token: Option<Token>) -> anyhow::Result<()> {
    let project = Project::load(&args.workspace)?;
    let version = args.version.as_ref().unwrap_or(&project.version);
    let tag = version.tag();
    let public_key = signature::public_key(args.public_key.as_deref(), &project)?;
    let base = project.github_base(args.github_base.as_deref());
    let client = Client::new(base, &project, token)?;
    let release = client
        .published(version)?
        .with_context(|| format!("{} has no published release {tag}", client.repository()))?;
    let text = |name| client.download_text(&client.asset_url(&tag, name));
    let (listed, signed) = (text(Checksums::FILE)?, text(Checksums::SIGNATURE)?);
    let sums = signature::verify(&listed, &signed, public_key, version)?;
    for asset in &release.assets {
        let name = asset.name.as_str();
        let is_known = [Checksums::FILE, Checksums::SIGNATURE].contains(&name);
        ensure!(
            is_known || sums.get(name).is_some(),
            "`{name}` is attached to {tag}, but not among its signed checksums; nobody vouches for it"
        );
    }
    if args.dry_run {
        say(format_args!(
            "would download {} files of {tag} into `{}`",
            release.assets.len(),
            args.dir.display()
        ));
        return Ok(());
    }

    let dir = &args.dir;
    fs::create_dir_all(dir).with_context(|| format!("failed to create `{}`", dir.display()))?;
    for (name, _) in sums.iter() {
        let path = dir.join(name);
        if sums.verify_file(&path).is_ok() {
            continue; // An earlier attempt got so far.
        }
        client.download(&client.asset_url(&tag, name), &path)?;
        if let Err(error) = sums.verify_file(&path) {
            // Nobody shall take it for the real one.
            fs::remove_file(&path)
                .with_context(|| format!("failed to remove `{}`", path.display()))?;
            bail!("{tag} was tampered with, or damaged on its way: {error}");
        }
    }
    for (name, text) in [(Checksums::FILE, &listed), (Checksums::SIGNATURE, &signed)] {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
    }
    sums.verify_folder(dir)?;
    say(format_args!(
        "fetched {} files of {tag} into `{}`; signature and checksums are right",
        release.assets.len(),
        dir.display()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use mesh_test::Fault;

    use super::super::sample_release::Sample;
    use super::*;

    fn args(sample: &Sample) -> FetchArgs {
        FetchArgs {
            version: None,
            dir: sample.workspace().join("fetched"),
            workspace: sample.workspace(),
            github_base: Some(sample.hub.base_url().to_owned()),
            public_key: None,
            dry_run: false,
        }
    }

    fn refusal(args: &FetchArgs) -> String {
        format!("{:#}", fetch(args, None).unwrap_err())
    }

    #[test]
    fn every_file_comes_back_as_it_was_published() {
        let sample = Sample::published("4.0.0");
        let args = args(&sample);
        fetch(&args, None).unwrap();
        for entry in fs::read_dir(sample.upload()).unwrap() {
            let path = entry.unwrap().path();
            let fetched = args.dir.join(path.file_name().unwrap());
            assert_eq!(fs::read(&fetched).unwrap(), fs::read(&path).unwrap());
        }
        let before = sample.hub.requests().len();
        fetch(&args, None).unwrap();
        let again = &sample.hub.requests()[before..];
        assert!(
            again
                .iter()
                .all(|request| !request.path.contains("mcp-mesh.rb"))
        );
    }

    #[test]
    fn a_version_that_is_not_published_is_named() {
        let sample = Sample::published("4.0.0");
        let mut args = args(&sample);
        args.version = Some("4.0.1".parse().unwrap());
        let error = refusal(&args);
        assert_eq!(error, "acme/mesh has no published release v4.0.1");
    }

    #[test]
    fn what_was_changed_after_signing_is_refused() {
        let sample = Sample::published("4.0.0");
        let args = args(&sample);
        let published = sample.hub.root().join("releases/v4.0.0");
        fs::write(published.join("mcp-mesh.rb"), "tampered").unwrap();
        let error = refusal(&args);
        assert!(error.contains("v4.0.0 was tampered with"), "{error}");
        assert!(!args.dir.join("mcp-mesh.rb").exists());

        fs::write(published.join("extra.txt"), "").unwrap();
        let error = refusal(&args);
        assert!(error.contains("`extra.txt` is attached"), "{error}");
        fs::remove_file(published.join("extra.txt")).unwrap();

        fs::write(published.join("SHA256SUMS"), "").unwrap();
        let error = refusal(&args);
        assert!(error.contains("was not made over it"), "{error}");
    }

    #[test]
    fn an_answer_that_is_no_file_is_refused() {
        let sample = Sample::published("4.0.0");
        let args = args(&sample);
        for (fault, says) in [
            (Fault::Truncated, "to its end"),
            (Fault::Missing, "404"),
            (Fault::ServerError, "500"),
        ] {
            sample.hub.spoil("/download/v4.0.0/mcp-mesh.rb", fault);
            let error = refusal(&args);
            assert!(error.contains("mcp-mesh.rb"), "{error}");
            assert!(error.contains(says), "{error}");
        }
        sample.hub.heal();
        fetch(&args, None).unwrap();
    }

    #[test]
    fn a_dry_run_writes_nothing() {
        let sample = Sample::published("4.0.0");
        let mut args = args(&sample);
        args.dry_run = true;
        fetch(&args, None).unwrap();
        assert!(!args.dir.exists());
    }
}
