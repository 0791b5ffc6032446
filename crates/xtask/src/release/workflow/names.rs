//! Jobs are named after what they do here.

use super::document::Document;

/// Jobs of dist that do something else after the hardening.
const RENAMED: [(&str, &str); 2] = [
    ("build-global-artifacts", "assemble"),
    ("host", "publish-github"),
];

/// Drops dist's prefix of custom jobs, renames what is replaced, and removes `announce`, which does
/// nothing.
pub(super) fn name_jobs(document: &mut Document) -> anyhow::Result<()> {
    let jobs = document.jobs()?;
    for (old, new) in RENAMED {
        jobs.rename(old, new)?;
    }
    jobs.remove("announce");
    let custom: Vec<_> = jobs
        .keys()
        .filter_map(|name| Some((name.to_owned(), name.strip_prefix("custom-")?.to_owned())))
        .collect();
    for (old, new) in custom {
        jobs.rename(&old, &new)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::recorded;
    use super::*;

    #[test]
    fn jobs_are_named_after_what_they_do() {
        let mut document = recorded();
        name_jobs(&mut document).unwrap();
        assert_eq!(
            document.jobs().unwrap().keys().collect::<Vec<_>>(),
            [
                "plan",
                "build-binaries",
                "build-wheels",
                "assemble",
                "publish-github",
                "build-images",
                "publish-pypi",
                "publish-images",
                "publish-packages",
                "verify-release"
            ]
        );
    }
}
