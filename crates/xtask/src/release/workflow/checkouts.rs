//! What is checked out, and what stays behind.

use super::document::Document;
use super::tree::{Map, Node};

const COMMIT: &str = "${{ needs.plan.outputs.commit }}";

/// Every job works on the commit that was planned, and no checkout leaves a token on disk.
pub(super) fn check_out(document: &mut Document) -> anyhow::Result<()> {
    document.each_step(|job, step| {
        let action = step.text("uses").unwrap_or_default();
        if action.split('@').next() != Some("actions/checkout") {
            return Ok(());
        }
        if step.get("with").is_none() {
            step.set("with", Map::default());
        }
        let Some(with) = step.get_mut("with") else {
            return Ok(());
        };
        let with = with.map("`with`")?;
        with.remove("submodules");
        // The plan finds the commit, so it starts from the event's.
        if job != "plan" {
            with.set("ref", COMMIT);
        }
        with.set("persist-credentials", Node::Bool(false));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use super::*;

    #[test]
    fn checkouts_take_the_planned_commit_and_keep_no_token() {
        let mut document = named();
        check_out(&mut document).unwrap();
        let mut seen = Vec::new();
        document
            .each_step(|job, step| {
                if let (true, Some(Node::Map(with))) = (
                    step.text("uses")
                        .is_some_and(|action| action.contains("checkout")),
                    step.get("with"),
                ) {
                    assert_eq!(with.get("persist-credentials"), Some(&Node::Bool(false)));
                    assert_eq!(with.text("ref"), (job != "plan").then_some(COMMIT));
                    seen.push(job.to_owned());
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, ["plan", "assemble", "publish-github"]);
    }
}
