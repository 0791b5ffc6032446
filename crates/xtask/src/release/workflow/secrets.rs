//! Which secrets a called workflow sees.

use super::document::Document;
use super::tree::{Map, Node};

/// Called workflows and their secrets; who is not listed gets none.
const SECRETS: [(&str, &[&str]); 3] = [
    ("publish-pypi", &["PYPI_API_TOKEN"]),
    (
        "publish-images",
        &["DOCKER_HUB_USERNAME", "DOCKER_HUB_ACCESS_TOKEN"],
    ),
    ("publish-packages", &["TAP_TOKEN", "BUCKET_TOKEN"]),
];

/// Replaces `secrets: inherit`, which would hand all secrets to everybody.
pub(super) fn pass_by_name(document: &mut Document) -> anyhow::Result<()> {
    document.each_job(|name, job| {
        job.remove("secrets");
        if let Some((_, names)) = SECRETS.iter().find(|(job, _)| *job == name) {
            let secrets: Map = names
                .iter()
                .map(|secret| {
                    let value = format!("${{{{ secrets.{secret} }}}}");
                    ((*secret).to_owned(), Node::Text(value))
                })
                .collect();
            job.set("secrets", secrets);
        }
        Ok(())
    })?;
    for (job, _) in SECRETS {
        document.job(job)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::named;
    use super::*;

    #[test]
    fn nobody_inherits_secrets() {
        let mut document = named();
        pass_by_name(&mut document).unwrap();
        document
            .each_job(|name, job| {
                assert_ne!(job.text("secrets"), Some("inherit"), "{name}");
                Ok(())
            })
            .unwrap();
        assert_eq!(document.job("build-binaries").unwrap().get("secrets"), None);
        let Some(Node::Map(secrets)) = document.job("publish-packages").unwrap().get("secrets")
        else {
            panic!("packages have secrets");
        };
        assert_eq!(secrets.text("TAP_TOKEN"), Some("${{ secrets.TAP_TOKEN }}"));
    }
}
