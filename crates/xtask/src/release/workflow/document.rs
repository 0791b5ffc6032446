//! A workflow file: its jobs and their steps, and how it is written.

use anyhow::Context;

use super::tree::{Map, Node};

/// A parsed workflow.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document(Map);

impl Document {
    pub(super) fn parse(yaml: &str) -> anyhow::Result<Self> {
        let mut root = Node::parse(yaml)?;
        let root = std::mem::take(root.map("the workflow")?);
        Ok(Self(root))
    }

    /// The top level: `on`, `permissions`, `jobs` and so on.
    pub(super) fn root(&mut self) -> &mut Map {
        &mut self.0
    }

    pub(super) fn jobs(&mut self) -> anyhow::Result<&mut Map> {
        self.0
            .get_mut("jobs")
            .context("the workflow has no jobs")?
            .map("`jobs`")
    }

    pub(super) fn job(&mut self, name: &str) -> anyhow::Result<&mut Map> {
        self.jobs()?
            .get_mut(name)
            .with_context(|| format!("the workflow has no job `{name}`; did dist rename it?"))?
            .map(name)
    }

    /// Calls `change` with every job, by name.
    pub(super) fn each_job(
        &mut self,
        mut change: impl FnMut(&str, &mut Map) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for (name, job) in self.jobs()?.iter_mut() {
            change(name, job.map(name)?).with_context(|| format!("in job `{name}`"))?;
        }
        Ok(())
    }

    /// Calls `change` with every step of every job that has steps, and with that job's name.
    pub(super) fn each_step(
        &mut self,
        mut change: impl FnMut(&str, &mut Map) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.each_job(|name, job| {
            let Some(Node::List(steps)) = job.get_mut("steps") else {
                return Ok(());
            };
            for step in steps {
                change(name, step.map("a step")?)?;
            }
            Ok(())
        })
    }

    /// Writes the workflow under `header`, with an empty line before each part and each job.
    pub(super) fn to_yaml(&self, header: &str) -> anyhow::Result<String> {
        let yaml = Node::Map(self.0.clone()).to_yaml()?;
        let mut text = header.to_owned();
        let mut in_jobs = false;
        for line in yaml.lines() {
            let depth = line.len() - line.trim_start().len();
            if depth == 0 || (in_jobs && depth == 2) {
                text.push('\n');
            }
            if depth == 0 {
                in_jobs = line == "jobs:";
            }
            text.push_str(line);
            text.push('\n');
        }
        Ok(text.replace("jobs:\n\n", "jobs:\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_jobs_are_set_apart() {
        let document =
            Document::parse("{on: {push: null}, jobs: {a: {needs: []}, b: {}}}").unwrap();
        assert_eq!(
            document.to_yaml("# header\n").unwrap(),
            "# header\n\non:\n  push: null\n\njobs:\n  a:\n    needs: []\n\n  b: {}\n"
        );
    }

    #[test]
    fn a_job_that_is_not_there_is_named() {
        let mut document = Document::parse("jobs: {}").unwrap();
        let error = document.job("host").unwrap_err().to_string();
        assert!(error.contains("`host`"), "{error}");
    }
}
