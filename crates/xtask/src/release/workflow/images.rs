//! From the job that tries the images to the one that publishes them.

use anyhow::Context;

use super::document::Document;

/// Hands over what was tried by its number: between the two run programs of others, and any job of a run
/// can give an artifact's name to other bytes.
pub(super) fn hand_over_what_was_tried(document: &mut Document) -> anyhow::Result<()> {
    document
        .job("publish-images")?
        .get_mut("with")
        .context("`publish-images` gets no plan")?
        .map("`with`")?
        .set("images", "${{ needs.build-images.outputs.images }}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::HARDENED;
    use super::super::tests::{named, read};
    use super::super::tree::Node;
    use super::*;

    /// The numbers that a job takes its artifacts by; nothing for one that is taken by name.
    fn taken(yaml: &str, wanted: &str) -> Vec<Option<String>> {
        let mut taken = Vec::new();
        Document::parse(yaml)
            .unwrap()
            .each_step(|job, step| {
                let uses = step.text("uses").unwrap_or_default();
                if job == wanted && uses.starts_with("actions/download-artifact@") {
                    let with = step.get("with").unwrap();
                    let number = match with {
                        Node::Map(with) => with.text("artifact-ids").map(ToOwned::to_owned),
                        other => panic!("{other:?}"),
                    };
                    taken.push(number);
                }
                Ok(())
            })
            .unwrap();
        taken
    }

    #[test]
    fn what_is_signed_or_published_was_not_replaced_meanwhile() {
        let unsigned = "${{ needs.assemble.outputs.unsigned }}".to_owned();
        assert_eq!(taken(&read(HARDENED), "sign"), [Some(unsigned)]);
        let build = read(".github/workflows/build-images.yml");
        let tried = "${{ needs.build.outputs.images }}".to_owned();
        assert_eq!(taken(&build, "check"), [Some(tried)]);
        let publish = read(".github/workflows/publish-images.yml");
        // The signed release proves itself.
        let images = "${{ inputs.images }}".to_owned();
        assert_eq!(taken(&publish, "promote"), [None, Some(images)]);
    }

    #[test]
    fn images_come_from_the_job_that_tried_them() {
        let mut document = named();
        hand_over_what_was_tried(&mut document).unwrap();
        let Some(Node::Map(with)) = document.job("publish-images").unwrap().get("with") else {
            panic!("it is handed something");
        };
        assert_eq!(
            with.text("images"),
            Some("${{ needs.build-images.outputs.images }}")
        );
    }
}
