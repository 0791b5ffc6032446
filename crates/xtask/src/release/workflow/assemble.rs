//! One folder of assets, tried out before anything is signed.

use super::document::Document;
use super::tree::Node;

/// Replaces dist's global build: assemble what was built, then rehearse exactly that.
pub(super) fn assemble_and_rehearse(document: &mut Document) -> anyhow::Result<()> {
    let job = document.job("assemble")?;
    // Tokens and names for dist's own steps.
    job.remove("env");
    job.set("name", "assemble and rehearse");
    job.set(
        "steps",
        Node::literal(
            r"
            - uses: actions/checkout
            - uses: actions/download-artifact
              with:
                pattern: artifacts-*
                path: target/distrib
                merge-multiple: true
            - run: make release-tools rehearse-programs
            - env:
                # A pull request builds one target, and stands in for the others.
                LIES: ${{ fromJson(needs.plan.outputs.plan).lies && '--lies' || '' }}
              run: cargo xtask release assemble --dir target/distrib $LIES
            - run: cargo xtask release rehearse --dir target/distrib
            - uses: actions/upload-artifact
              with:
                name: release-unsigned
                path: target/distrib/upload
                if-no-files-found: error
                overwrite: true
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
    fn what_is_assembled_is_rehearsed_before_it_is_handed_on() {
        let mut document = named();
        assemble_and_rehearse(&mut document).unwrap();
        let mut steps = Vec::new();
        document
            .each_step(|job, step| {
                if job == "assemble" {
                    let what = step.text("run").or(step.text("uses")).unwrap();
                    steps.push(what.to_owned());
                }
                Ok(())
            })
            .unwrap();
        let at = |word: &str| steps.iter().position(|step| step.contains(word)).unwrap();
        assert!(at("download") < at("release assemble"), "{steps:?}");
        assert!(at("release assemble") < at("release rehearse"), "{steps:?}");
        assert!(at("release rehearse") < at("upload-artifact"), "{steps:?}");
        assert_eq!(document.job("assemble").unwrap().get("env"), None);
    }
}
