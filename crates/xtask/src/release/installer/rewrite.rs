//! Edits of a script that dist wrote. An edit names what it replaces, and that must still be what it was
//! when the edit was made: the recorded script says what that is, so a changed dist is noticed, not
//! patched blindly.

use std::ops::Range;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::release::Project;
use crate::release::project::APP;

/// One reason to change a script, with the edits that it takes.
#[derive(Debug)]
pub(super) struct Transformation {
    /// What it is for; errors name it.
    pub(super) name: &'static str,
    pub(super) edits: Vec<Edit>,
}

/// Where to cut, and what to put there.
#[derive(Debug)]
pub(super) enum Edit {
    /// A line, which must occur once.
    Line { line: String, with: String },
    /// Everything from a line that occurs once to the next line that equals `last`.
    Block {
        first: &'static str,
        last: &'static str,
        with: String,
    },
}

impl Edit {
    pub(super) fn line(line: impl Into<String>, with: impl Into<String>) -> Self {
        Self::Line {
            line: line.into(),
            with: with.into(),
        }
    }

    pub(super) fn block(first: &'static str, last: &'static str, with: impl Into<String>) -> Self {
        Self::Block {
            first,
            last,
            with: with.into(),
        }
    }
}

/// A script, and the script of the same kind that was recorded.
#[derive(Debug)]
pub(super) struct Script {
    text: String,
    facts: Facts,
    recorded: &'static str,
    recorded_facts: Facts,
}

/// What a script says about itself in its receipt.
#[derive(Debug)]
pub(super) struct Facts {
    version: String,
    repository: String,
}

#[derive(Deserialize)]
struct Receipt {
    version: String,
    source: Source,
}

#[derive(Deserialize)]
struct Source {
    owner: String,
    name: String,
    app_name: String,
}

impl Script {
    /// Takes a script that dist wrote for `project`.
    pub(super) fn new(
        text: &str,
        recorded: &'static str,
        project: &Project,
    ) -> anyhow::Result<Self> {
        let facts = Facts::of(text)?;
        let Facts {
            version,
            repository,
        } = &facts;
        ensure!(
            *version == project.version.to_string(),
            "dist wrote it for version {version}, but the workspace is at {}; run dist anew",
            project.version
        );
        ensure!(
            *repository == format!("{}/{}", project.owner, project.name),
            "dist wrote it for `{repository}`, but the workspace's repository is `{}/{}`; run dist anew",
            project.owner,
            project.name
        );
        Ok(Self {
            text: text.to_owned(),
            facts,
            recorded,
            recorded_facts: Facts::of(recorded).context("the recorded script is none")?,
        })
    }

    pub(super) fn apply(&mut self, transformation: &Transformation) -> anyhow::Result<()> {
        for edit in &transformation.edits {
            self.edit(edit).with_context(|| {
                format!(
                    "`{}` does not find what it replaces. If dist changed, record its installers anew in \
                     crates/xtask/tests/recorded and adapt the transformation",
                    transformation.name
                )
            })?;
        }
        Ok(())
    }

    fn edit(&mut self, edit: &Edit) -> anyhow::Result<()> {
        let (first, last, with) = match edit {
            Edit::Line { line, with } => (line.as_str(), line.as_str(), with),
            Edit::Block { first, last, with } => (*first, *last, with),
        };
        let range = block(&self.text, first, last)?;
        // A line says all about itself, and may hold the version.
        if matches!(edit, Edit::Block { .. }) {
            let known = block(self.recorded, first, last).context("in the recorded script")?;
            self.compare(&self.text[range.clone()], &self.recorded[known])?;
        }
        let mut with = with.trim_end_matches('\n').to_owned();
        if !with.is_empty() {
            with.push('\n');
        }
        self.text.replace_range(range, &with);
        Ok(())
    }

    /// Complains about the first line that differs for another reason than version and repository.
    fn compare(&self, found: &str, known: &str) -> anyhow::Result<()> {
        let found = self.facts.generalize(found);
        let known = self.recorded_facts.generalize(known);
        let mut lines = found.lines().zip(known.lines());
        if let Some((found, known)) = lines.find(|(found, known)| found != known) {
            bail!(
                "dist writes `{}` where it wrote `{}`",
                found.trim(),
                known.trim()
            );
        }
        ensure!(
            found == known,
            "dist writes more or fewer lines than it did"
        );
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl Facts {
    pub(super) fn of(script: &str) -> anyhow::Result<Self> {
        let receipt = script
            .lines()
            .find(|line| line.starts_with(r#"{"install_prefix":"#))
            .context("no receipt in it; this is no installer of dist")?;
        let Receipt { version, source } =
            serde_json::from_str(receipt).with_context(|| format!("no receipt: `{receipt}`"))?;
        ensure!(
            source.app_name == APP,
            "it installs `{}`, not `{APP}`",
            source.app_name
        );
        Ok(Self {
            version,
            repository: format!("{}/{}", source.owner, source.name),
        })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// `owner/name`.
    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    /// `text`, which is about these facts, as dist would write it about `project`.
    pub(super) fn retell(&self, text: &str, project: &Project) -> String {
        let (owner, name) = self.repository.split_once('/').unwrap_or_default();
        text.replace(
            &self.repository,
            &format!("{}/{}", project.owner, project.name),
        )
        .replace(
            &format!(r#""owner":"{owner}","name":"{name}""#),
            &format!(r#""owner":"{}","name":"{}""#, project.owner, project.name),
        )
        .replace(&self.version, &project.version.to_string())
    }

    fn generalize(&self, text: &str) -> String {
        text.replace(&self.repository, "<repository>")
            .replace(&self.version, "<version>")
    }
}

/// From the only line that is `first` to the next that is `last`, its line break included.
fn block(text: &str, first: &str, last: &str) -> anyhow::Result<Range<usize>> {
    let mut start = None;
    let mut end = None;
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        let next = position + line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line == first {
            ensure!(start.is_none(), "the line `{first}` occurs more than once");
            start = Some(position);
        }
        if start.is_some() && end.is_none() && line == last {
            end = Some(next);
        }
        position = next;
    }
    let start = start.with_context(|| format!("the line `{first}` does not occur"))?;
    let end = end.with_context(|| format!("no line `{last}` after `{first}`"))?;
    Ok(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::installer::tests::project;

    const RECEIPT: &str = r#"{"install_prefix":"P","source":{"owner":"dhyansraj","name":"mcp-mesh","app_name":"mcp-mesh"},"version":"4.0.0"}"#;

    fn script(body: &str) -> Script {
        let recorded = "a() {\n    echo 4.0.0\n}\nb\n".to_owned() + RECEIPT + "\n";
        Script::new(
            &format!("{body}{RECEIPT}\n"),
            Box::leak(recorded.into_boxed_str()),
            &project("4.0.0"),
        )
        .unwrap()
    }

    fn apply(body: &str, edit: Edit) -> Result<String, String> {
        let mut script = script(body);
        let transformation = Transformation {
            name: "stronger-a",
            edits: vec![edit],
        };
        script
            .apply(&transformation)
            .map(|()| script.into_text().replace(RECEIPT, "R"))
            .map_err(|error| format!("{error:#}"))
    }

    fn replace_a() -> Edit {
        Edit::block("a() {", "}", "c() { :; }\n")
    }

    #[test]
    fn a_block_is_replaced_where_it_is_what_it_was() {
        let text = apply("a() {\n    echo 4.0.0\n}\nb\n", replace_a()).unwrap();
        assert_eq!(text, "c() { :; }\nb\nR\n");
    }

    #[test]
    fn a_line_is_replaced_or_removed() {
        let body = "x\nb\ny\n";
        assert_eq!(
            apply(body, Edit::line("b", "c\nd")).unwrap(),
            "x\nc\nd\ny\nR\n"
        );
        assert_eq!(apply(body, Edit::line("b", "")).unwrap(), "x\ny\nR\n");
    }

    #[test]
    fn a_changed_dist_is_named_with_the_transformation_that_it_breaks() {
        for (body, complaint) in [
            (
                "a() {\n    echo changed\n}\n",
                "dist writes `echo changed` where it wrote `echo <version>`",
            ),
            (
                "a() {\n    echo 4.0.0\n    more\n}\n",
                "dist writes `more` where it wrote `}`",
            ),
            ("a2() {\n}\n", "the line `a() {` does not occur"),
            ("a() {\n", "no line `}` after `a() {`"),
            (
                "a() {\n    echo 4.0.0\n}\na() {\n}\n",
                "the line `a() {` occurs more than once",
            ),
        ] {
            let error = apply(body, replace_a()).unwrap_err();
            assert!(
                error.starts_with("`stronger-a` does not find what it replaces"),
                "{error}"
            );
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn a_script_of_another_version_or_repository_is_refused() {
        let text = RECEIPT.to_owned() + "\n";
        let recorded = Box::leak(text.clone().into_boxed_str());
        let error = Script::new(&text, recorded, &project("4.1.0"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("for version 4.0.0, but the workspace is at 4.1.0"),
            "{error}"
        );
        let fork = text.replace("dhyansraj", "somebody");
        let error = Script::new(&fork, recorded, &project("4.0.0"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`somebody/mcp-mesh`"), "{error}");
        let error = Script::new("#!/bin/sh\n", recorded, &project("4.0.0"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("no installer of dist"), "{error}");
    }
}
