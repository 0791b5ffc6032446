//! A version's section of the changelog.

use anyhow::{Context, ensure};

use super::ReleaseVersion;

/// The text under `## <version>`, up to the next version. A prerelease that has no section of its own
/// takes that of the release it leads to.
pub(crate) fn of<'a>(changelog: &'a str, version: &ReleaseVersion) -> anyhow::Result<&'a str> {
    let semver = version.semver();
    let base = format!("{}.{}.{}", semver.major, semver.minor, semver.patch);
    let notes = section(changelog, &version.to_string())
        .or_else(|| section(changelog, &base).filter(|_| !version.is_stable()))
        .with_context(|| format!("CHANGELOG.md has no section `## {version}`"))?;
    ensure!(
        !notes.is_empty(),
        "the section `## {version}` of CHANGELOG.md is empty; say what users will see"
    );
    Ok(notes)
}

fn section<'a>(changelog: &'a str, version: &str) -> Option<&'a str> {
    let mut sections = changelog.split("\n## ").skip(1);
    let section = sections.find(|section| section.split_whitespace().next() == Some(version))?;
    let (_heading, text) = section.split_once('\n').unwrap_or((section, ""));
    Some(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changes\n\n## 4.1.0 (unreleased)\n\n### Registry\n\n* New.\n\n\
                             ## 4.0.10 (2026-02-01)\n\n* Ten.\n\n## 4.0.1 (2026-01-01)\n";

    fn notes(version: &str) -> anyhow::Result<&'static str> {
        of(CHANGELOG, &version.parse().unwrap())
    }

    #[test]
    fn a_version_has_its_own_section_without_the_heading() {
        assert_eq!(notes("4.1.0").unwrap(), "### Registry\n\n* New.");
        assert_eq!(notes("4.0.10").unwrap(), "* Ten.");
        assert_eq!(notes("4.1.0-rc.1").unwrap(), "### Registry\n\n* New.");
    }

    #[test]
    fn a_version_that_nobody_described_is_refused() {
        for (version, says) in [("4.0.1", "is empty"), ("4.2.0", "no section `## 4.2.0`")] {
            let error = notes(version).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_version_of_the_workspace_is_described() {
        let checkout = crate::root::checkout();
        let project = super::super::Project::load(checkout).unwrap();
        let changelog = std::fs::read_to_string(checkout.join("CHANGELOG.md")).unwrap();
        of(&changelog, &project.version).unwrap();
    }
}
