//! One folder of assets, tried out before anything is signed.

use super::document::Document;
use super::tree::Node;

/// Replaces dist's global build: assemble what was built, then rehearse exactly that. What will be signed
/// is handed on before the rehearsal, which runs programs of others as root; whether it is signed is
/// decided by the success of the whole job. Later jobs know it by its number, which no job can give to
/// other bytes, as it could the name.
pub(super) fn assemble_and_rehearse(document: &mut Document) -> anyhow::Result<()> {
    let job = document.job("assemble")?;
    // Tokens and names for dist's own steps.
    job.remove("env");
    job.set("name", "assemble and rehearse");
    job.set(
        "outputs",
        Node::literal("unsigned: ${{ steps.unsigned.outputs.artifact-id }}"),
    );
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
            - id: unsigned
              uses: actions/upload-artifact
              with:
                name: release-unsigned
                path: target/distrib/upload
                if-no-files-found: error
                overwrite: true
            - run: cargo xtask release rehearse --dir target/distrib
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
    fn what_will_be_signed_is_out_of_reach_of_the_rehearsal() {
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
        assert!(at("release assemble") < at("upload-artifact"), "{steps:?}");
        assert!(at("upload-artifact") < at("release rehearse"), "{steps:?}");
        assert_eq!(document.job("assemble").unwrap().get("env"), None);
    }
}
