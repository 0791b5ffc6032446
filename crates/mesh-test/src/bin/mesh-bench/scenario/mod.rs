//! What is measured, in the order in which one mesh after the other can serve it.

mod heartbeat;
mod jobs;
mod join;
mod list;
mod meshctl;
mod mixed;
mod rewire;
mod start;
mod storm;
mod wake;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use crate::Scenario;
use crate::mesh::{Mesh, Subject};
use crate::report::{Report, Row};
use crate::sizes::Sizes;
use crate::yardstick::Yardstick;

/// The mesh on which everything but HEAD, storm, list and start is measured.
const MIDDLE: usize = 1_000;

/// One registry and everything that is to be measured of it.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    subject: Subject,
    yardstick: &'a Yardstick,
    sizes: Sizes,
    scenarios: &'a [Scenario],
    meshctl: Option<PathBuf>,
    /// Another implementation's, measured beside it for scale.
    other_meshctl: Option<PathBuf>,
    /// What one HEAD costs in the smallest mesh, in yardsticks, to compare the others with.
    head_in_smallest: Option<f64>,
    /// What one registration costs in the middle mesh, in yardsticks, to compare the others with.
    storm_in_middle: Option<f64>,
}

impl<'a> Bench<'a> {
    /// Measures `scenarios` of `subject`.
    pub(crate) fn new(
        subject: Subject,
        yardstick: &'a Yardstick,
        sizes: Sizes,
        scenarios: &'a [Scenario],
    ) -> Self {
        Self {
            subject,
            yardstick,
            sizes,
            scenarios,
            meshctl: None,
            other_meshctl: None,
            head_in_smallest: None,
            storm_in_middle: None,
        }
    }

    /// Measures this command line too, if it is there, and `other` beside it.
    pub(crate) fn with_meshctl(mut self, program: &Path, other: Option<&Path>) -> Self {
        self.meshctl = program.canonicalize().ok();
        self.other_meshctl = other.map(Path::to_owned);
        self
    }

    fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.contains(&scenario)
    }

    /// Whether targets apply: they are for ours.
    fn judged(&self) -> bool {
        self.subject.name == "ours"
    }

    /// A figure that stands for itself; those with a yardstick or a target add it.
    fn row(&self, figure: String, measured: String) -> Row {
        Row {
            subject: self.subject.name,
            figure,
            measured,
            yardstick: None,
            ratio: None,
            target: None,
            met: None,
            beside: String::new(),
            raw: json!({}),
        }
    }

    /// Measures, one mesh after the other, so that no two registries run at once.
    pub(crate) fn run(mut self, report: &mut Report) -> anyhow::Result<()> {
        if self.wants(Scenario::Start) {
            self.start_empty(report).context("start, empty")?;
        }
        if self.wants(Scenario::Jobs) {
            self.jobs(report).context("jobs")?;
        }
        if self.wants(Scenario::Wake) {
            self.wake(report).context("long-polls")?;
        }
        for size in self.sizes.meshes {
            let needed = self.wants(Scenario::Head)
                || *size > 10 && (self.wants(Scenario::Storm) || self.wants(Scenario::List))
                || *size == MIDDLE
                    && [
                        Scenario::Post,
                        Scenario::Join,
                        Scenario::Rewire,
                        Scenario::Mixed,
                    ]
                    .iter()
                    .any(|scenario| self.wants(*scenario))
                || *size == 10 && self.wants(Scenario::Meshctl) && self.meshctl.is_some()
                || *size > MIDDLE && self.wants(Scenario::Start);
            if needed {
                self.measure(*size, report)
                    .with_context(|| format!("{}: {size} agents", self.subject.name))?;
            }
        }
        Ok(())
    }

    fn measure(&mut self, size: usize, report: &mut Report) -> anyhow::Result<()> {
        let mut storms = Vec::new();
        if size > 10 && self.wants(Scenario::Storm) {
            for _ in 1..self.sizes.storms {
                let mut mesh = Mesh::raise(&self.subject, size, self.sizes.limit)?;
                storms.push(self.storm_of(&mut mesh)?);
            }
        }
        let mut mesh = Mesh::raise(&self.subject, size, self.sizes.limit)?;
        if size > 10 && self.wants(Scenario::Storm) {
            storms.push(self.storm_of(&mut mesh)?);
            self.storm(&mesh, &storms, report)?;
        }
        mesh.settle()?;
        if self.wants(Scenario::Head) {
            self.head(&mesh, report)?;
        }
        if size == 10 && self.wants(Scenario::Meshctl) {
            self.meshctl(&mesh, report)?;
        }
        if size == MIDDLE && self.wants(Scenario::Post) {
            self.post(&mut mesh, report)?;
        }
        if size > 10 && self.wants(Scenario::List) {
            self.list(&mesh, report)?;
        }
        if size == MIDDLE && self.wants(Scenario::Join) {
            self.join(&mut mesh, report)?;
        }
        if size == MIDDLE && self.wants(Scenario::Rewire) && self.judged() {
            // Nobody else has watches.
            self.rewire(&mut mesh, report)?;
        }
        if size == MIDDLE && self.wants(Scenario::Mixed) {
            self.mixed(&mut mesh, report)?;
        }
        if size > MIDDLE && self.wants(Scenario::Start) {
            self.start_full(mesh, report)?;
        }
        Ok(())
    }
}
