//! When the workflow runs.

use anyhow::ensure;

use super::document::Document;
use super::tree::Node;

/// A pushed tag releases; a run by hand releases, goes on with a release or only tests; a pull request
/// that touches packaging runs dry.
pub(super) fn trigger(document: &mut Document) -> anyhow::Result<()> {
    let on = Node::literal(
        "
        push:
          tags:
            - v[0-9]+.[0-9]+.[0-9]+*
        workflow_dispatch:
          inputs:
            version:
              description: Version to release, or to go on with, for example v4.0.0
              required: true
              type: string
            environment:
              description: production publishes; test builds and verifies everything, and publishes nothing
              required: true
              default: test
              type: choice
              options:
                - test
                - production
        pull_request:
          paths:
            - .github/workflows/**
            - crates/mcp-mesh/**
            - crates/xtask/**
            - dist-workspace.toml
            - packaging/**
            - pyproject.toml
            - rust-toolchain.toml
        ",
    );
    let root = document.root();
    ensure!(
        root.get("on").is_some(),
        "the workflow has no triggers to replace"
    );
    root.set("on", on);
    Ok(())
}

/// Two runs for one version wait for each other: what the first published, the second recognises.
pub(super) fn queue_by_version(document: &mut Document) -> anyhow::Result<()> {
    let concurrency = Node::literal(
        "
        group: release-${{ inputs.version || github.ref_name }}
        cancel-in-progress: false
        ",
    );
    let root = document.root();
    ensure!(
        root.get("concurrency").is_none(),
        "dist limits concurrency by itself now; compare its rule with ours"
    );
    root.set("concurrency", concurrency);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::recorded;
    use super::*;

    #[test]
    fn tags_hands_and_pull_requests_start_it() {
        let mut document = recorded();
        trigger(&mut document).unwrap();
        let on = document.root().get_mut("on").unwrap();
        let on = on.map("on").unwrap();
        assert_eq!(
            on.keys().collect::<Vec<_>>(),
            ["push", "workflow_dispatch", "pull_request"]
        );
        let Some(Node::Map(push)) = on.get("push") else {
            panic!("{on:?}");
        };
        assert_eq!(
            push.get("tags"),
            Some(&Node::texts(["v[0-9]+.[0-9]+.[0-9]+*"]))
        );
    }

    #[test]
    fn a_run_is_never_cancelled_by_the_next_one() {
        let mut document = recorded();
        queue_by_version(&mut document).unwrap();
        let concurrency = document.root().get_mut("concurrency").unwrap();
        let concurrency = concurrency.map("concurrency").unwrap();
        assert_eq!(
            concurrency.get("cancel-in-progress"),
            Some(&Node::Bool(false))
        );
        assert!(
            concurrency
                .text("group")
                .unwrap()
                .contains("inputs.version")
        );
    }
}
