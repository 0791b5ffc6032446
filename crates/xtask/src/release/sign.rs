//! Signing the checksums of a release.

use std::fmt;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context, bail};
use mesh_core::env::Environment;
use minisign::{PublicKey, SecretKey, SecretKeyBox};

use super::{Checksums, Project, say, signature};
use crate::root;

/// The variable with the secret key: the whole text of minisign's file.
pub(super) const SECRET_KEY: &str = "MINISIGN_SECRET_KEY";

/// Sign the checksums of an assembled release
///
/// Reads the secret key from `MINISIGN_SECRET_KEY`.
#[derive(Debug, clap::Args)]
pub(crate) struct SignArgs {
    /// The folder of the release's files
    #[arg(long)]
    dir: PathBuf,
    /// The checkout that was built
    #[arg(long, default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
    /// The key that the signature must fit, if not the workspace's
    #[arg(long)]
    public_key: Option<String>,
    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &SignArgs) -> anyhow::Result<()> {
    let project = Project::load(&args.workspace)?;
    let environment = Environment::of_process();
    let secret = environment.get(SECRET_KEY).map(Secret);
    sign(args, &project, secret)
}

/// The text of a secret key, which no message shows.
#[derive(Clone, Copy)]
struct Secret<'a>(&'a str);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret<'_> {
    fn unlock(self) -> anyhow::Result<SecretKey> {
        SecretKeyBox::from_string(self.0)
            .and_then(SecretKeyBox::into_unencrypted_secret_key)
            .with_context(|| {
                format!(
                    "`{SECRET_KEY}` is no minisign secret key without a password; it must hold both \
                     lines that `cargo xtask release new-key` shows (a key of `minisign -G -W` 0.11 \
                     lacks its checksum)"
                )
            })
    }
}

fn sign(args: &SignArgs, project: &Project, secret: Option<Secret<'_>>) -> anyhow::Result<()> {
    let dir = &args.dir;
    let version = &project.version;
    let public_key = signature::public_key(args.public_key.as_deref(), project)?;
    let path = dir.join(Checksums::FILE);
    let sums = fs::read_to_string(&path)
        .with_context(|| format!("failed to read `{}`", path.display()))?;
    Checksums::parse(&sums)
        .with_context(|| format!("failed to understand `{}`", path.display()))?
        .verify_folder(dir)?;

    let secret = secret
        .with_context(|| format!("`{SECRET_KEY}` is not set; without it nothing can be signed"))?
        .unlock()?;
    let fitting = PublicKey::from_secret_key(&secret)
        .context("failed to derive the public key")?
        .to_base64();
    if fitting != public_key.trim() {
        bail!(
            "`{SECRET_KEY}` belongs to the public key `{fitting}`, but releases are verified with \
             `{public_key}`"
        );
    }
    if args.dry_run {
        say(format_args!("would sign `{}` of {version}", path.display()));
        return Ok(());
    }
    let comment = signature::trusted_comment(version);
    let text = minisign::sign(None, &secret, Cursor::new(&sums), Some(&comment), None)
        .context("failed to sign")?
        .to_string();
    signature::verify(&sums, &text, public_key, version)
        .context("the new signature does not pass the check that users make")?;
    let path = dir.join(Checksums::SIGNATURE);
    fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
    say(format_args!("signed `{}` as `{comment}`", dir.display()));
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use minisign::KeyPair;

    use super::*;

    /// A key pair of a test's own.
    pub(in crate::release) struct Keys {
        pub(in crate::release) public: String,
        pub(in crate::release) secret: String,
    }

    impl Keys {
        pub(in crate::release) fn make() -> Self {
            let pair = KeyPair::generate_unencrypted_keypair().expect("a key pair");
            Self {
                public: pair.pk.to_base64(),
                secret: pair.sk.to_box(None).expect("a text").into_string(),
            }
        }
    }

    /// The signature of `sums` with a trusted comment of the test's choice.
    pub(in crate::release) fn signed(sums: &str, keys: &Keys, comment: &str) -> String {
        let secret = Secret(&keys.secret).unlock().expect("a key of our own");
        minisign::sign(None, &secret, Cursor::new(sums), Some(comment), None)
            .expect("a signature")
            .to_string()
    }

    /// A release of the workspace's version with one file beside its checksums.
    fn unsigned() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "a").unwrap();
        let sums = Checksums::of_folder(folder.path()).unwrap();
        fs::write(folder.path().join(Checksums::FILE), sums.to_text()).unwrap();
        folder
    }

    fn args(dir: &Path, keys: &Keys) -> SignArgs {
        SignArgs {
            dir: dir.to_owned(),
            workspace: root::checkout().to_owned(),
            public_key: Some(keys.public.clone()),
            dry_run: false,
        }
    }

    fn project() -> Project {
        Project::load(root::checkout()).unwrap()
    }

    fn refusal(args: &SignArgs, secret: Option<&str>) -> String {
        let error = sign(args, &project(), secret.map(Secret)).unwrap_err();
        assert!(!args.dir.join(Checksums::SIGNATURE).exists());
        format!("{error:#}")
    }

    #[test]
    fn a_signed_release_passes_the_check_that_users_make() {
        let (folder, keys) = (unsigned(), Keys::make());
        let args = args(folder.path(), &keys);
        sign(&args, &project(), Some(Secret(&keys.secret))).unwrap();
        let sums =
            signature::verify_folder(folder.path(), &keys.public, &project().version).unwrap();
        sums.verify_folder(folder.path()).unwrap();
    }

    #[test]
    fn nothing_is_signed_by_a_wrong_key_or_none() {
        let (folder, keys) = (unsigned(), Keys::make());
        let args = args(folder.path(), &keys);
        let error = refusal(&args, Some(&Keys::make().secret));
        assert!(error.contains(&keys.public), "{error}");
        let error = refusal(&args, None);
        assert!(
            error.contains("`MINISIGN_SECRET_KEY` is not set"),
            "{error}"
        );
        let half = keys.secret.lines().last().unwrap();
        let error = refusal(&args, Some(half));
        assert!(error.contains("both lines"), "{error}");
        assert!(!error.contains(half), "the secret is shown: {error}");
    }

    #[test]
    fn nothing_is_signed_that_differs_from_its_checksums() {
        let (folder, keys) = (unsigned(), Keys::make());
        fs::write(folder.path().join("a.txt"), "b").unwrap();
        let error = refusal(&args(folder.path(), &keys), Some(&keys.secret));
        assert!(error.contains("`a.txt` has the checksum"), "{error}");
    }

    #[test]
    fn a_dry_run_writes_nothing() {
        let (folder, keys) = (unsigned(), Keys::make());
        let mut args = args(folder.path(), &keys);
        args.dry_run = true;
        sign(&args, &project(), Some(Secret(&keys.secret))).unwrap();
        assert!(!folder.path().join(Checksums::SIGNATURE).exists());
    }
}
