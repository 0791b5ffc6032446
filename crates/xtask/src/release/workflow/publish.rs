//! The release on GitHub, whose bytes every later channel takes.

use super::document::Document;
use super::tree::Node;

/// Replaces dist's upload: xtask creates the release with all its files at once, and recognises one
/// that is there already.
pub(super) fn publish_with_xtask(document: &mut Document) -> anyhow::Result<()> {
    let job = document.job("publish-github")?;
    job.remove("env");
    // For jobs that take the files as they are; xtask's own look at the signature.
    job.set(
        "outputs",
        Node::literal("signed: ${{ needs.sign.outputs.signed || needs.fetch.outputs.signed }}"),
    );
    job.set("name", "publish to GitHub");
    job.set(
        "steps",
        Node::literal(
            r"
            - uses: actions/checkout
            - name: compile while no secret is here for a build script to see
              run: cargo xtask release --help
            - uses: actions/download-artifact
              with:
                artifact-ids: ${{ needs.sign.outputs.signed || needs.fetch.outputs.signed }}
                path: upload
            - env:
                GH_TOKEN: ${{ github.token }}
              run: cargo xtask release publish-github --dir upload
            ",
        ),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use super::*;

    #[test]
    fn the_token_is_seen_by_the_step_that_publishes_alone() {
        let mut document = named();
        publish_with_xtask(&mut document).unwrap();
        assert_eq!(document.job("publish-github").unwrap().get("env"), None);
        let mut holders = Vec::new();
        document
            .each_step(|job, step| {
                if job == "publish-github" && step.get("env").is_some() {
                    holders.push(step.text("run").unwrap().to_owned());
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(holders, ["cargo xtask release publish-github --dir upload"]);
    }
}
