//! From the job that made something to the called workflow that publishes it.

use anyhow::Context;

use super::document::Document;

/// Called workflows, what they are handed, and where it comes from.
const HANDED: [(&str, &str, &str); 2] = [
    (
        "publish-pypi",
        "signed",
        "${{ needs.publish-github.outputs.signed }}",
    ),
    (
        "publish-images",
        "images",
        "${{ needs.build-images.outputs.images }}",
    ),
];

/// Names artifacts by their numbers: programs of others run between the jobs, and any job of a run can
/// give an artifact's name to other bytes.
pub(super) fn by_number(document: &mut Document) -> anyhow::Result<()> {
    for (job, input, number) in HANDED {
        document
            .job(job)?
            .get_mut("with")
            .with_context(|| format!("`{job}` gets no plan"))?
            .map("`with`")?
            .set(input, number);
    }
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
        let number = |text: &str| Some(format!("${{{{ {text} }}}}"));
        let release = read(HARDENED);
        assert_eq!(
            taken(&release, "sign"),
            [number("needs.assemble.outputs.unsigned")]
        );
        assert_eq!(
            taken(&release, "publish-github"),
            [number(
                "needs.sign.outputs.signed || needs.fetch.outputs.signed"
            )]
        );
        let pypi = read(".github/workflows/publish-pypi.yml");
        assert_eq!(taken(&pypi, "pypi"), [number("inputs.signed")]);
        let build = read(".github/workflows/build-images.yml");
        assert_eq!(
            taken(&build, "check"),
            [number("needs.build.outputs.images")]
        );
        let publish = read(".github/workflows/publish-images.yml");
        // The signed release is taken by name: `promote-images` looks at its signature.
        assert_eq!(taken(&publish, "promote"), [None, number("inputs.images")]);
    }

    #[test]
    fn who_is_handed_a_number_waits_for_the_job_that_knows_it() {
        let mut release = Document::parse(&read(HARDENED)).unwrap();
        for (job, _, number) in HANDED {
            let source = number.trim_start_matches("${{ needs.").split('.').next();
            let source = Node::Text(source.unwrap().to_owned());
            let Some(Node::List(needs)) = release.job(job).unwrap().get("needs") else {
                panic!("`{job}` waits for several");
            };
            assert!(needs.contains(&source), "{job}: {number}");
        }
    }

    #[test]
    fn a_called_workflow_is_handed_its_number() {
        let mut document = named();
        by_number(&mut document).unwrap();
        for (job, input, number) in HANDED {
            let Some(Node::Map(with)) = document.job(job).unwrap().get("with") else {
                panic!("`{job}` is handed something");
            };
            assert_eq!(with.text(input), Some(number));
        }
    }
}
