//! Jobs that dist does not have: between what was built and what is published.

use super::document::Document;
use super::tree::Node;

/// A re-run takes the published bytes from the release instead of building them again.
pub(super) fn fetch_what_is_published(document: &mut Document) -> anyhow::Result<()> {
    add(
        document,
        "fetch",
        r#"
        name: fetch the published release
        outputs:
          signed: ${{ steps.signed.outputs.artifact-id }}
        steps:
          - uses: actions/checkout
          - env:
              GH_TOKEN: ${{ github.token }}
              VERSION: ${{ fromJson(needs.plan.outputs.plan).version }}
            run: cargo xtask release fetch --version "$VERSION" --dir upload
          - id: signed
            uses: actions/upload-artifact
            with:
              name: release
              path: upload
              if-no-files-found: error
              overwrite: true
        "#,
    )
}

/// The environment `release-gate` asks its reviewers, who see what was built and rehearsed.
pub(super) fn wait_for_approval(document: &mut Document) -> anyhow::Result<()> {
    add(
        document,
        "release-gate",
        r"
        name: wait for approval
        steps:
          - run: echo 'approved'
        ",
    )
}

/// Signs the checksums of every file, and attests where the files come from.
pub(super) fn sign_and_attest(document: &mut Document) -> anyhow::Result<()> {
    add(
        document,
        "sign",
        r"
        name: sign and attest
        outputs:
          signed: ${{ steps.signed.outputs.artifact-id }}
        steps:
          - uses: actions/checkout
          - name: compile while no secret is here for a build script to see
            run: cargo xtask release --help
          - uses: actions/download-artifact
            with:
              artifact-ids: ${{ needs.assemble.outputs.unsigned }}
              path: upload
          - env:
              MINISIGN_SECRET_KEY: ${{ secrets.MINISIGN_SECRET_KEY }}
            run: cargo xtask release sign --dir upload
          - uses: actions/attest
            with:
              subject-checksums: upload/SHA256SUMS
          - id: signed
            uses: actions/upload-artifact
            with:
              name: release
              path: upload
              if-no-files-found: error
              overwrite: true
        ",
    )
}

fn add(document: &mut Document, name: &str, job: &str) -> anyhow::Result<()> {
    let jobs = document.jobs()?;
    anyhow::ensure!(
        jobs.get(name).is_none(),
        "dist has a job `{name}` of its own now; choose another name for ours"
    );
    jobs.set(name, Node::literal(job));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use super::*;

    /// What the steps of `job` run or use.
    fn steps(document: &mut Document, wanted: &str) -> Vec<String> {
        let mut steps = Vec::new();
        document
            .each_step(|job, step| {
                if job == wanted {
                    let what = step.text("run").or(step.text("uses")).unwrap();
                    steps.push(what.to_owned());
                }
                Ok(())
            })
            .unwrap();
        steps
    }

    #[test]
    fn published_bytes_are_fetched_under_the_name_of_signed_ones() {
        let mut document = named();
        fetch_what_is_published(&mut document).unwrap();
        sign_and_attest(&mut document).unwrap();
        let mut names = Vec::new();
        document
            .each_step(|job, step| {
                if let (Some("actions/upload-artifact"), Some(Node::Map(with))) =
                    (step.text("uses"), step.get("with"))
                {
                    names.push((job.to_owned(), with.text("name").unwrap().to_owned()));
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(
            names,
            [
                ("fetch".into(), "release".into()),
                ("sign".into(), "release".into())
            ]
        );
    }

    #[test]
    fn approval_does_nothing_but_wait() {
        let mut document = named();
        wait_for_approval(&mut document).unwrap();
        assert_eq!(steps(&mut document, "release-gate"), ["echo 'approved'"]);
    }

    #[test]
    fn checksums_are_signed_before_they_are_attested() {
        let mut document = named();
        sign_and_attest(&mut document).unwrap();
        let steps = steps(&mut document, "sign");
        let at = |word: &str| steps.iter().position(|step| step.contains(word)).unwrap();
        assert!(at("release sign") < at("actions/attest"), "{steps:?}");
    }

    #[test]
    fn a_job_of_dist_is_not_overwritten() {
        let mut document = named();
        let error = add(&mut document, "plan", "{}").unwrap_err().to_string();
        assert!(error.contains("`plan`"), "{error}");
    }
}
