//! The images that ours are built on, named by digest in `packaging/docker/bases.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use toml_edit::DocumentMut;

use super::registries::{Api, Digest, Logins, Repository, Transport};
use crate::release::say;
use crate::root;

/// The file, in a checkout.
pub(crate) const FILE: &str = "packaging/docker/bases.toml";

/// What writes [`FILE`].
pub(crate) const COMMAND: &str = "cargo xtask release pin-bases";

/// Name the images that ours are built on by their digests of today
#[derive(Debug, clap::Args)]
pub(crate) struct PinBasesArgs {
    /// A mirror to ask instead of the registry itself, such as `http://127.0.0.1:5000`
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Write nothing; fail when a digest is missing or another one than today's
    #[arg(long)]
    check: bool,
    /// The checkout whose bases are meant
    #[arg(long, default_value_os_t = root::checkout().to_owned(), hide_default_value = true)]
    workspace: PathBuf,
}

pub(crate) fn run(args: &PinBasesArgs) -> anyhow::Result<()> {
    let PinBasesArgs {
        mirror,
        check,
        workspace,
    } = args;
    if *check {
        return compare(workspace, mirror.as_deref());
    }
    pin(workspace, mirror.as_deref())
}

/// What [`FILE`] says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bases {
    base: Vec<Base>,
}

/// One image that others are built on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// The build argument, and the variable of `build-docker.sh`, that takes it.
    pub(crate) argument: String,
    /// Registry, path and tag.
    pub(crate) image: String,
    /// The digest of all its platforms, once it is pinned.
    digest: Option<Digest>,
}

impl Bases {
    /// Reads those of a checkout.
    pub(crate) fn load(workspace: &Path) -> anyhow::Result<Self> {
        Self::parse(&read(workspace)?)
    }

    /// Understands a file that was read elsewhere.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).with_context(|| format!("failed to understand `{FILE}`"))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Base> {
        self.base.iter()
    }

    /// Those without a digest.
    pub(crate) fn unpinned(&self) -> Vec<String> {
        self.iter()
            .filter(|base| base.digest.is_none())
            .map(|base| base.image.clone())
            .collect()
    }
}

impl Base {
    /// What `build-docker.sh` takes: it builds on the digest alone where there is one, and labels what it
    /// builds with the tag.
    pub(crate) fn reference(&self) -> anyhow::Result<String> {
        let (repository, tag) = self.parts()?;
        Ok(match &self.digest {
            Some(digest) => format!("{}@{digest}", repository.with_tag(tag)),
            None => self.image.clone(),
        })
    }

    fn parts(&self) -> anyhow::Result<(Repository, &str)> {
        let (name, tag) = self
            .image
            .rsplit_once(':')
            .with_context(|| format!("`{}` in `{FILE}` has no tag", self.image))?;
        Ok((name.parse()?, tag))
    }

    /// The digest that its tag leads to now.
    fn digest_of_today(&self, mirror: Option<&str>) -> anyhow::Result<Digest> {
        let (repository, tag) = self.parts()?;
        let logins = Logins::default();
        let api = match mirror {
            Some(base) => Api::at(base, &repository),
            None => Api::new(&repository, &logins, Transport::Usual),
        };
        api.digest(tag)
            .with_context(|| format!("failed to find the digest of `{}`", self.image))
    }
}

/// Writes the digests of today into [`FILE`] of `workspace`.
pub(crate) fn pin(workspace: &Path, mirror: Option<&str>) -> anyhow::Result<()> {
    let text = read(workspace)?;
    let mut document: DocumentMut = text
        .parse()
        .with_context(|| format!("failed to understand `{FILE}`"))?;
    let tables = document
        .get_mut("base")
        .and_then(|base| base.as_array_of_tables_mut())
        .with_context(|| format!("`{FILE}` has no `[[base]]`"))?;
    for (base, table) in Bases::parse(&text)?.iter().zip(tables.iter_mut()) {
        let today = base.digest_of_today(mirror)?;
        if base.digest.as_ref() == Some(&today) {
            say(format_args!("`{}` is {today} still", base.image));
        } else {
            say(format_args!("`{}` is {today} now", base.image));
            table.insert("digest", toml_edit::value(today.to_string()));
        }
    }
    let path = workspace.join(FILE);
    fs::write(&path, document.to_string())
        .with_context(|| format!("failed to write `{}`", path.display()))
}

fn compare(workspace: &Path, mirror: Option<&str>) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for base in Bases::load(workspace)?.iter() {
        let today = base.digest_of_today(mirror)?;
        match &base.digest {
            None => stale.push(format!("`{}` is not pinned", base.image)),
            Some(pinned) if *pinned != today => stale.push(format!(
                "`{}` is pinned to {pinned}, and {today} now",
                base.image
            )),
            Some(_) => {}
        }
    }
    ensure!(
        stale.is_empty(),
        "{}; run `{COMMAND}` and commit `{FILE}`",
        stale.join("; ")
    );
    Ok(())
}

/// Refuses to publish on bases that may be others tomorrow.
pub(crate) fn require_pinned(unpinned: &[String]) -> anyhow::Result<()> {
    if unpinned.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = unpinned.iter().map(|name| format!("`{name}`")).collect();
    bail!(
        "images would be built on {} of any day; run `{COMMAND}` and commit `{FILE}`",
        names.join(", ")
    )
}

fn read(workspace: &Path) -> anyhow::Result<String> {
    let path = workspace.join(FILE);
    fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_names_the_base_of_python() {
        let bases = Bases::load(root::checkout()).unwrap();
        let base = bases.iter().next().unwrap();
        assert_eq!(base.argument, "PYTHON_IMAGE");
        let (repository, tag) = base.parts().unwrap();
        assert_eq!(repository.to_string(), "docker.io/library/python");
        assert_eq!(tag, "3.11-slim");
    }

    #[test]
    fn what_is_pinned_keeps_its_tag_for_the_label() {
        let digest = Digest::of(b"");
        let pinned = format!("[[base]]\nargument = 'A'\nimage = 'python:3'\ndigest = '{digest}'\n");
        let bases = Bases::parse(&pinned).unwrap();
        assert_eq!(
            bases.base[0].reference().unwrap(),
            format!("docker.io/python:3@{digest}")
        );
        require_pinned(&bases.unpinned()).unwrap();

        let bases = Bases::parse("[[base]]\nargument = 'A'\nimage = 'python:3'\n").unwrap();
        assert_eq!(bases.base[0].reference().unwrap(), "python:3");
        let error = require_pinned(&bases.unpinned()).unwrap_err().to_string();
        assert!(error.contains("`python:3` of any day"), "{error}");
        assert!(error.contains(COMMAND), "{error}");

        let error = Bases::parse(&pinned.replace("sha256:", "md5:")).unwrap_err();
        assert!(format!("{error:#}").contains("is no digest"), "{error:#}");
    }
}

/// Debian's `docker-registry` is there on Linux.
#[cfg(all(test, target_os = "linux"))]
mod registry_tests {
    use super::super::registries::{Loopback, samples};
    use super::*;

    #[test]
    fn digests_are_asked_for_and_written_beside_the_comments() {
        let registry = Loopback::start().unwrap();
        let mirror = format!("http://{}", registry.host());
        let workspace = tempfile::tempdir().unwrap();
        let file = workspace.path().join(FILE);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let text = fs::read_to_string(root::checkout().join(FILE)).unwrap();
        fs::write(&file, &text).unwrap();

        let error = format!("{:#}", pin(workspace.path(), Some(&mirror)).unwrap_err());
        assert!(
            error.contains("docker.io/library/python has no `3.11-slim`"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), text);

        let first = samples::image(&registry, "library/python", "one");
        samples::tag(&first, "3.11-slim");
        pin(workspace.path(), Some(&mirror)).unwrap();
        let pinned = fs::read_to_string(&file).unwrap();
        assert_eq!(pinned, with_digest(&text, &first.digest),);
        compare(workspace.path(), Some(&mirror)).unwrap();

        let second = samples::image(&registry, "library/python", "two");
        samples::tag(&second, "3.11-slim");
        let error = compare(workspace.path(), Some(&mirror))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("and {} now", second.digest)),
            "{error}"
        );
        pin(workspace.path(), Some(&mirror)).unwrap();
        let bases = Bases::load(workspace.path()).unwrap();
        assert_eq!(bases.base[0].digest.as_ref(), Some(&second.digest));
    }

    /// The committed file, whether a maintainer has pinned it already or not.
    fn with_digest(text: &str, digest: &Digest) -> String {
        let lines = text.lines().filter(|line| !line.starts_with("digest"));
        let kept: Vec<_> = lines.collect();
        format!("{}\ndigest = \"{digest}\"\n", kept.join("\n"))
    }
}
