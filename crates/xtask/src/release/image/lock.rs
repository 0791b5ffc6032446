//! `packaging/docker/requirements.txt`: what the package needs from others in the images, by hash.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};

/// Where it lies in a checkout.
pub(super) const FILE: &str = "packaging/docker/requirements.txt";

/// One package, in the version and the files that are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Locked {
    /// As PyPI normalises it: lower case, dashes.
    pub(super) name: String,
    pub(super) version: String,
    /// SHA-256 of each of its files, in lower-case hexadecimal.
    pub(super) hashes: BTreeSet<String>,
}

impl Locked {
    /// As the lock spells it.
    pub(super) fn to_text(&self) -> String {
        let hashes: Vec<_> = self
            .hashes
            .iter()
            .map(|hash| format!(" \\\n    --hash=sha256:{hash}"))
            .collect();
        format!("{}=={}{}\n", self.name, self.version, hashes.concat())
    }
}

/// Reads the lock of the checkout at `workspace`: its text, and what that means.
pub(super) fn read(workspace: &Path) -> anyhow::Result<(String, Vec<Locked>)> {
    let path = workspace.join(FILE);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "failed to read `{}`; `make release-lock` writes it",
            path.display()
        )
    })?;
    let locked =
        parse(&text).with_context(|| format!("failed to understand `{}`", path.display()))?;
    Ok((text, locked))
}

/// Understands what `uv pip compile --generate-hashes` writes for one system, that is without markers.
fn parse(text: &str) -> anyhow::Result<Vec<Locked>> {
    let mut all: Vec<Locked> = Vec::new();
    for line in text.lines() {
        let line = line.trim().trim_end_matches('\\').trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(hash) = line.strip_prefix("--hash=sha256:") {
            let Some(last) = all.last_mut() else {
                bail!("`{line}` belongs to no package");
            };
            last.hashes.insert(hash.to_owned());
            continue;
        }
        let pin = line
            .split_once("==")
            .filter(|(_, version)| !version.is_empty() && !version.contains([' ', ';', ',', '*']));
        let Some((name, version)) = pin else {
            bail!("`{line}` is no `<name>==<version>`");
        };
        all.push(Locked {
            name: normalised(name),
            version: version.to_owned(),
            hashes: BTreeSet::new(),
        });
    }
    if let Some(package) = all.iter().find(|package| package.hashes.is_empty()) {
        bail!("`{}` has no hash", package.name);
    }
    ensure!(!all.is_empty(), "it names no package");
    Ok(all)
}

/// A distribution's name as PyPI compares names.
pub(super) fn normalised(name: &str) -> String {
    name.to_ascii_lowercase()
        .split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn a_lock_is_read_by_name_version_and_hash() {
        let text = "# made by\nA_b.c==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via d\nd==2\\\n    --hash=sha256:cc\n";
        let locked = parse(text).unwrap();
        assert_eq!(locked.len(), 2);
        assert_eq!(locked[0].name, "a-b-c");
        assert_eq!(locked[0].version, "1.0");
        assert_eq!(locked[0].hashes.len(), 2);
        assert_eq!(locked[1].version, "2");
        let again: String = locked.iter().map(Locked::to_text).collect();
        assert_eq!(parse(&again).unwrap(), locked);
    }

    #[test]
    fn what_is_not_pinned_by_hash_is_no_lock() {
        for (text, says) in [
            ("", "names no package"),
            ("a==1\n", "`a` has no hash"),
            ("--hash=sha256:aa\n", "belongs to no package"),
            ("a>=1 \\\n --hash=sha256:aa\n", "is no `<name>==<version>`"),
            ("a==1 ; sys_platform == 'win32'\n", "is no `<name>"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    /// A version as numbers; what is no number, such as a release candidate, is refused.
    fn numbers(version: &str) -> Vec<u64> {
        let mut numbers: Vec<u64> = version
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        numbers.resize(4, 0);
        numbers
    }

    #[test]
    fn the_lock_satisfies_what_the_package_asks_for() {
        let (_, locked) = read(root::checkout()).unwrap();
        let manifest = fs::read_to_string(root::checkout().join("pyproject.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let wanted = manifest["project"]["dependencies"].as_array().unwrap();
        assert!(!wanted.is_empty());
        for requirement in wanted {
            let requirement = requirement.as_str().unwrap();
            let end = requirement.find(['>', '<', '=', '~', '!']).unwrap();
            let (name, bounds) = requirement.split_at(end);
            let package = locked
                .iter()
                .find(|package| package.name == normalised(name));
            let package = package.unwrap_or_else(|| panic!("{name} is not locked"));
            let real = numbers(&package.version);
            for bound in bounds.split(',') {
                let version = bound.trim_start_matches(['<', '>', '=']);
                let fits = match bound.trim_end_matches(version) {
                    ">=" => real >= numbers(version),
                    "<" => real < numbers(version),
                    other => panic!("`{other}` of `{requirement}` is not understood here"),
                };
                assert!(fits, "{name} is locked at {}, not {bound}", package.version);
            }
        }
    }

    #[test]
    fn the_lock_has_the_tested_pair() {
        let (_, locked) = read(root::checkout()).unwrap();
        let pair = root::checkout().join("python/requirements/fastmcp-pinned.txt");
        for line in fs::read_to_string(pair).unwrap().lines() {
            let Some((name, version)) = line.split_once("==") else {
                continue;
            };
            let package = locked.iter().find(|package| package.name == name).unwrap();
            assert_eq!(package.version, version, "{name}");
        }
    }
}
