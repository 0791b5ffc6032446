//! The newest section of `CHANGELOG.md`, which is the one that a release dates.

use anyhow::{bail, ensure};
use jiff::civil::Date;

use crate::release::ReleaseVersion;

/// What stands in a heading in place of a date until the release.
const UNRELEASED: &str = "unreleased";

/// The change log with the section of `version` dated. A prerelease is described by the section of the
/// release that it leads to, which stays as it is.
pub(super) fn dated(text: &str, version: &ReleaseVersion, date: Date) -> anyhow::Result<String> {
    let version_text = version.to_string();
    let release = version_text.split('-').next().unwrap_or_default();
    let wanted = format!("## {release} ({UNRELEASED})");
    let Some(heading) = text.lines().find(|line| line.starts_with("## ")) else {
        bail!("the change log has no section; write `{wanted}` and what users will see");
    };
    let Some((named, when)) = parse(heading) else {
        bail!("`{heading}` is no heading of a section; write `{wanted}`");
    };
    if named != release {
        bail!(
            "the newest section is `{heading}`; write `{wanted}` above it, and what users will see"
        );
    }
    let body = text.split_once(heading).map_or("", |(_, after)| after);
    let section = body.split("\n## ").next().unwrap_or_default();
    ensure!(
        !section.trim().is_empty(),
        "`{heading}` is empty; say what users will see"
    );

    match (when == UNRELEASED, version.is_stable()) {
        (true, true) => Ok(text.replacen(heading, &format!("## {release} ({date})"), 1)),
        // Prepared once already, or a prerelease of what is still to come.
        (false, true) | (true, false) => Ok(text.to_owned()),
        (false, false) => bail!("`{heading}` is released; {version} would come after it"),
    }
}

/// `("4.0.0", "unreleased")` for `## 4.0.0 (unreleased)`; in place of the word may stand a date.
fn parse(heading: &str) -> Option<(&str, &str)> {
    let (version, when) = heading
        .strip_prefix("## ")?
        .strip_suffix(')')?
        .split_once(" (")?;
    let is_known = when == UNRELEASED || when.parse::<Date>().is_ok();
    is_known.then_some((version, when))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str =
        "# Changes\n\n## 4.1.0 (unreleased)\n\n* New.\n\n## 4.0.0 (2026-11-23)\n\n* Old.\n";

    fn date(log: &str, version: &str) -> Result<String, String> {
        let day = "2027-01-02".parse().unwrap();
        dated(log, &version.parse().unwrap(), day).map_err(|error| error.to_string())
    }

    #[test]
    fn the_newest_section_is_dated_and_nothing_else_changes() {
        let expected = LOG.replace("unreleased", "2027-01-02");
        assert_eq!(date(LOG, "4.1.0").unwrap(), expected);
        assert_eq!(date(&expected, "4.1.0").unwrap(), expected);
    }

    #[test]
    fn a_prerelease_leaves_the_section_open() {
        assert_eq!(date(LOG, "4.1.0-rc.1").unwrap(), LOG);
        let released = LOG.replace("unreleased", "2027-01-02");
        assert!(
            date(&released, "4.1.0-rc.2")
                .unwrap_err()
                .contains("is released")
        );
    }

    #[test]
    fn a_missing_section_is_answered_with_what_to_write() {
        for log in [
            LOG,
            "# Changes\n",
            "## 4.2\n\n* Odd.\n",
            "## 4.2.0 (soon)\n\n* Odd.\n",
        ] {
            let error = date(log, "4.2.0").unwrap_err();
            assert!(error.contains("write `## 4.2.0 (unreleased)`"), "{error}");
        }
    }

    #[test]
    fn a_section_without_words_is_refused() {
        let error = date(
            "## 4.1.0 (unreleased)\n\n## 4.0.0 (2026-11-23)\n\n* Old.\n",
            "4.1.0",
        );
        assert!(error.unwrap_err().contains("is empty"));
    }
}
