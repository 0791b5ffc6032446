//! The key pair that releases are signed with.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use minisign::KeyPair;
use toml_edit::DocumentMut;

use super::sign::SECRET_KEY;
use super::{Project, say};
use crate::platform::private_file;
use crate::root;

/// Make the key pair that releases are signed with
///
/// Writes the public key into Cargo.toml and prints the secret key once.
#[derive(Debug, clap::Args)]
pub(crate) struct NewKeyArgs {
    /// The checkout whose Cargo.toml gets the public key
    #[arg(long, default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
    /// Put `minisign.pub` and `minisign.key` into this folder instead, and leave Cargo.toml alone
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replace a key that is there: installed copies trust the old one and will refuse to update
    #[arg(long)]
    replace: bool,
    /// Say what would be written
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &NewKeyArgs) -> anyhow::Result<()> {
    match &args.out {
        Some(folder) => make_files(folder, args.dry_run),
        None => make_for_workspace(args),
    }
}

/// A new pair: the public key in base64 and both keys as minisign's files have them.
struct Texts {
    public: String,
    public_file: String,
    secret_file: String,
}

fn generate() -> anyhow::Result<Texts> {
    // Without a password: the secret lives in a store that asks for approval, and CI could not type one.
    let pair = KeyPair::generate_unencrypted_keypair().context("failed to make a key pair")?;
    let unreadable = "failed to write down a new key";
    Ok(Texts {
        public: pair.pk.to_base64(),
        public_file: pair.pk.to_box().context(unreadable)?.to_string(),
        secret_file: pair.sk.to_box(None).context(unreadable)?.to_string(),
    })
}

fn make_files(folder: &Path, dry_run: bool) -> anyhow::Result<()> {
    let (public, secret) = (folder.join("minisign.pub"), folder.join("minisign.key"));
    if dry_run {
        say(format_args!(
            "would write `{}` and `{}`",
            public.display(),
            secret.display()
        ));
        return Ok(());
    }
    let texts = generate()?;
    fs::create_dir_all(folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    private_file()
        .write(true)
        .create_new(true)
        .open(&secret)
        .and_then(|mut file| file.write_all(texts.secret_file.as_bytes()))
        .with_context(|| format!("failed to write `{}` as a new file", secret.display()))?;
    fs::write(&public, texts.public_file)
        .with_context(|| format!("failed to write `{}`", public.display()))?;
    say(format_args!(
        "wrote `{}` and `{}`",
        public.display(),
        secret.display()
    ));
    Ok(())
}

fn make_for_workspace(args: &NewKeyArgs) -> anyhow::Result<()> {
    let path = args.workspace.join("Cargo.toml");
    let project = Project::load(&args.workspace)?;
    if let Some(old) = &project.release.minisign_public_key
        && !args.replace
    {
        bail!(
            "`{}` has the key `{old}` already; installed copies trust it and would refuse releases \
             signed with another. `--replace` makes a new one all the same",
            path.display()
        );
    }
    if args.dry_run {
        say(format_args!(
            "would write a new public key into `{}`",
            path.display()
        ));
        return Ok(());
    }
    let texts = generate()?;
    let manifest = fs::read_to_string(&path)
        .with_context(|| format!("failed to read `{}`", path.display()))?;
    let manifest = with_key(&manifest, &texts.public)
        .with_context(|| format!("failed to change `{}`", path.display()))?;
    fs::write(&path, manifest).with_context(|| format!("failed to write `{}`", path.display()))?;
    say(format_args!(
        "The public key is in `{}`: commit it.\n\n\
         The secret key follows. It is shown this once and stored nowhere: put both lines into the\n\
         secret `{SECRET_KEY}` of the environment `release` of the repository, and keep a copy offline.\n\n{}",
        path.display(),
        texts.secret_file
    ));
    Ok(())
}

/// The manifest with the public key in `[workspace.metadata.release]`, all else as it was.
fn with_key(manifest: &str, public_key: &str) -> anyhow::Result<String> {
    let mut document: DocumentMut = manifest.parse()?;
    let release = document
        .get_mut("workspace")
        .and_then(|workspace| workspace.get_mut("metadata"))
        .and_then(|metadata| metadata.get_mut("release"))
        .and_then(|release| release.as_table_mut())
        .context("there is no table `[workspace.metadata.release]`")?;
    release.insert("minisign-public-key", toml_edit::value(public_key));
    let changed = document.to_string();
    ensure!(changed != manifest, "the key is there already");
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use minisign::{PublicKeyBox, SecretKeyBox};

    use super::*;

    const MANIFEST: &str = r#"[workspace.package]
version = "1.2.3"
description = "d"
license = "MIT"
repository = "https://git.example/acme/mesh"

# What a fork changes.
[workspace.metadata.release]
homebrew-tap = "acme/homebrew-tap" # the tap
scoop-bucket = "acme/bucket"
image-organisation = "acme"

[workspace.lints]
"#;

    fn args(workspace: &Path) -> NewKeyArgs {
        NewKeyArgs {
            workspace: workspace.to_owned(),
            out: None,
            replace: false,
            dry_run: false,
        }
    }

    #[test]
    fn the_manifest_gets_the_public_key_and_stays_as_it_was() {
        let workspace = tempfile::tempdir().unwrap();
        let manifest = workspace.path().join("Cargo.toml");
        fs::write(&manifest, MANIFEST).unwrap();
        let mut args = args(workspace.path());
        args.dry_run = true;
        run(&args).unwrap();
        assert_eq!(fs::read_to_string(&manifest).unwrap(), MANIFEST);

        args.dry_run = false;
        run(&args).unwrap();
        let project = Project::load(workspace.path()).unwrap();
        let key = project.release.minisign_public_key.unwrap();
        let line = format!("minisign-public-key = \"{key}\"\n");
        let text = fs::read_to_string(&manifest).unwrap();
        assert_eq!(text.replace(&line, ""), MANIFEST);

        let error = run(&args).unwrap_err().to_string();
        assert!(error.contains("--replace"), "{error}");
        args.replace = true;
        run(&args).unwrap();
        let replaced = Project::load(workspace.path()).unwrap();
        assert_ne!(replaced.release.minisign_public_key.unwrap(), key);
    }

    #[test]
    fn a_pair_in_files_fits_together_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        make_files(folder.path(), false).unwrap();
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        let secret = SecretKeyBox::from_string(&read("minisign.key")).unwrap();
        let secret = secret.into_unencrypted_secret_key().unwrap();
        let public = PublicKeyBox::from_string(&read("minisign.pub")).unwrap();
        let public = public.into_public_key().unwrap();
        let derived = minisign::PublicKey::from_secret_key(&secret).unwrap();
        assert_eq!(public.to_base64(), derived.to_base64());
        let before = read("minisign.key");
        make_files(folder.path(), false).unwrap_err();
        assert_eq!(read("minisign.key"), before);
    }
}
