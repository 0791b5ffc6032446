//! What a run does is decided by `cargo xtask release plan`.

use super::document::Document;
use super::tree::Node;

/// The plan, as later jobs read it.
pub(super) const PLAN: &str = "${{ needs.plan.outputs.plan }}";

/// Replaces dist's plan, and hands ours to every called workflow.
pub(super) fn plan_with_xtask(document: &mut Document) -> anyhow::Result<()> {
    // A test or a pull request without a version plans the one of the workspace.
    *document.job("plan")? = Node::literal(
        r#"
        outputs:
          plan: ${{ steps.plan.outputs.plan }}
          publish: ${{ steps.plan.outputs.publish }}
          source: ${{ steps.plan.outputs.source }}
          stable: ${{ steps.plan.outputs.stable }}
          commit: ${{ steps.plan.outputs.commit }}
        steps:
          - uses: actions/checkout
            with:
              fetch-depth: 0
          - id: plan
            env:
              GH_TOKEN: ${{ github.token }}
              EVENT: ${{ github.event_name }}
              VERSION: ${{ inputs.version || (github.ref_type == 'tag' && github.ref_name) || '' }}
              ENVIRONMENT: ${{ inputs.environment || (github.ref_type == 'tag' && 'production') || 'test' }}
              COMMIT: ${{ github.sha }}
            run: cargo xtask release plan --event "$EVENT" --version "$VERSION" --environment "$ENVIRONMENT" --commit "$COMMIT" --github-output "$GITHUB_OUTPUT"
        "#,
    )
    .map("the plan")?
    .clone();
    document.each_job(|_, job| {
        if job.get("uses").is_some() {
            let with = job
                .get_mut("with")
                .map(|with| with.map("`with`"))
                .transpose()?;
            if let Some(with) = with {
                with.set("plan", PLAN);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use super::*;

    #[test]
    fn every_called_workflow_gets_our_plan() {
        let mut document = named();
        plan_with_xtask(&mut document).unwrap();
        let mut called = 0;
        document
            .each_job(|_, job| {
                if let Some(Node::Map(with)) = job.get("with") {
                    assert_eq!(with.text("plan"), Some(PLAN));
                    called += 1;
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(called, 7);
    }

    #[test]
    fn dist_is_not_downloaded_to_plan() {
        let mut document = named();
        plan_with_xtask(&mut document).unwrap();
        document
            .each_step(|job, step| {
                let run = step.text("run").unwrap_or_default();
                assert!(job != "plan" || !run.contains("curl"), "{run}");
                Ok(())
            })
            .unwrap();
    }
}
