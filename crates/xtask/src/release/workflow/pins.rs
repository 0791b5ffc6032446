//! Actions by hash: a tag can be moved to other code, a hash cannot.

use anyhow::Context;

use super::document::Document;
use super::tree::Node;

/// Action, version and the hash of that version's commit.
const PINS: [(&str, &str, &str); 4] = [
    (
        "actions/checkout",
        "v7.0.1",
        "3d3c42e5aac5ba805825da76410c181273ba90b1",
    ),
    (
        "actions/upload-artifact",
        "v7.0.1",
        "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a",
    ),
    (
        "actions/download-artifact",
        "v8.0.1",
        "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
    ),
    (
        "actions/attest",
        "v4.2.2",
        "1e69f48acb82d1966a394da916b4c1698aa569d6",
    ),
];

/// Pins every action of a step; the version stands beside the hash.
pub(super) fn pin_actions(document: &mut Document) -> anyhow::Result<()> {
    document.each_step(|_, step| {
        let Some(action) = step.text("uses") else {
            return Ok(());
        };
        let name = action.split('@').next().unwrap_or(action);
        let (name, version, hash) = PINS
            .iter()
            .find(|(known, ..)| *known == name)
            .with_context(|| {
                format!("`{name}` is not pinned; add its version and hash to `PINS`")
            })?;
        let pinned = Node::Remarked(format!("{name}@{hash}"), (*version).to_owned());
        step.set("uses", pinned);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::recorded;
    use super::*;

    #[test]
    fn every_action_of_dist_is_pinned_by_hash() {
        let mut document = recorded();
        pin_actions(&mut document).unwrap();
        let mut pinned = 0;
        document
            .each_step(|_, step| {
                if let Some(action) = step.text("uses") {
                    let (_, hash) = action.split_once('@').unwrap();
                    assert_eq!(hash.len(), 40, "{action}");
                    pinned += 1;
                }
                Ok(())
            })
            .unwrap();
        assert!(pinned > 5, "{pinned}");
    }

    #[test]
    fn an_unknown_action_is_refused() {
        let mut document = Document::parse("jobs: {a: {steps: [{uses: who/knows@v1}]}}").unwrap();
        let error = format!("{:#}", pin_actions(&mut document).unwrap_err());
        assert!(
            error.contains("`who/knows`") && error.contains("PINS"),
            "{error}"
        );
    }
}
