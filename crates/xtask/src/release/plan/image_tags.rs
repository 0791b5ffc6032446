//! The tags that images get.

use crate::release::ReleaseVersion;

/// The version itself; for a stable one also each shorter spelling and `latest`, unless a newer version
/// that is published already holds it.
pub(super) fn of(version: &ReleaseVersion, published: &[ReleaseVersion]) -> Vec<String> {
    let mut tags = vec![version.to_string()];
    if !version.is_stable() {
        return tags;
    }
    let semver = version.semver();
    let (major, minor) = (semver.major, semver.minor);
    let newer: Vec<_> = published
        .iter()
        .filter(|other| other.is_stable() && *other > version)
        .map(ReleaseVersion::semver)
        .collect();
    if !newer
        .iter()
        .any(|other| (other.major, other.minor) == (major, minor))
    {
        tags.push(format!("{major}.{minor}"));
    }
    if !newer.iter().any(|other| other.major == major) {
        tags.push(major.to_string());
    }
    if newer.is_empty() {
        tags.push("latest".to_owned());
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_never_moves_back() {
        for (version, published, expected) in [
            ("4.1.0", &[] as &[_], "4.1.0 4.1 4 latest"),
            (
                "4.1.0",
                &["4.0.3", "4.1.0", "5.0.0-rc.1"],
                "4.1.0 4.1 4 latest",
            ),
            ("4.1.0", &["4.1.1"], "4.1.0"),
            ("4.0.4", &["4.1.0"], "4.0.4 4.0"),
            ("4.1.0", &["5.0.0"], "4.1.0 4.1 4"),
            ("4.1.0-rc.1", &[], "4.1.0-rc.1"),
        ] {
            let published: Vec<_> = published.iter().map(|text| text.parse().unwrap()).collect();
            let tags = of(&version.parse().unwrap(), &published);
            assert_eq!(tags.join(" "), expected, "{version} beside {published:?}");
        }
    }
}
