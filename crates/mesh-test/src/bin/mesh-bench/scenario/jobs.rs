//! Jobs per second: created, claimed and completed by workers that never rest.

use std::cell::RefCell;
use std::collections::VecDeque;

use anyhow::{Context as _, ensure};
use mesh_core::wire::{ClaimAnswer, DeltaAnswer};
use mesh_test::http1::request;
use serde_json::json;
use tempfile::TempDir;

use super::Bench;
use crate::load::{self, Load, Outcome};
use crate::report::{Report, Row, micros, show};
use crate::sizes::JOB_CONNECTIONS;

const WORKER: &str = "bench-worker";

impl Bench<'_> {
    /// A registry of its own: its store is what is measured.
    pub(super) fn jobs(&self, report: &mut Report) -> anyhow::Result<()> {
        let home = TempDir::with_prefix("mesh-bench-")?;
        let registry = self.subject.command(home.path()).start()?;
        let mut rounds = Vec::new();
        for _ in 0..self.sizes.rounds {
            let load = Load {
                address: registry.address(),
                pid: registry.pid().context("the registry runs")?,
                connections: JOB_CONNECTIONS,
                requests: 3 * self.sizes.jobs,
                limit: self.sizes.limit,
            };
            let mut desk = Desk::default();
            let outcome = desk.run(load)?;
            outcome.demand(&[200, 201])?;
            rounds.push((desk.completed, outcome));
        }
        rounds.sort_by(|left, right| rate(left).total_cmp(&rate(right)));
        let rates: Vec<f64> = rounds.iter().map(rate).collect();
        let middle = &rounds[(rounds.len() - 1) / 2];
        let (completed, outcome) = middle;
        ensure!(*completed > 0, "no job was completed");
        let cpu = outcome.cpu / u32::try_from(*completed)?;
        report.add(Row {
            beside: format!(
                "{JOB_CONNECTIONS} workers, {} CPU a job; a request p50 {}, p99 {}",
                show(cpu),
                show(outcome.percentile(50)),
                show(outcome.percentile(99)),
            ),
            raw: json!({"per_second": rates, "cpu_us": micros(&[cpu])[0]}),
            ..self.row(
                "jobs a second: created, claimed, completed".to_owned(),
                format!("{:.0}", rate(middle)),
            )
        });
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of jobs fits")]
fn rate((completed, outcome): &(usize, Outcome)) -> f64 {
    *completed as f64 / outcome.wall.as_secs_f64()
}

/// What a request asks for.
#[derive(Clone, Copy)]
enum Step {
    Create,
    Claim,
    Complete,
}

/// Who decides what the next free worker does: whatever brings a job to its end first.
#[derive(Default)]
struct Desk {
    steps: Vec<Step>,
    /// Jobs that nobody was sent to claim yet.
    waiting: usize,
    /// Jobs that nobody was sent to complete yet, each with its epoch.
    owned: VecDeque<(String, i64)>,
    completed: usize,
}

impl Desk {
    fn run(&mut self, load: Load) -> anyhow::Result<Outcome> {
        let desk = RefCell::new(self);
        load::send(
            load,
            &mut |_, out| out.extend(desk.borrow_mut().next()),
            &mut |number, body| desk.borrow_mut().take(number, body),
        )
    }

    fn next(&mut self) -> Vec<u8> {
        let (step, path, body) = if let Some((id, epoch)) = self.owned.pop_front() {
            let delta = json!({ "id": id, "claim_epoch": epoch, "status": "completed",
                "progress": 1.0, "result": { "sum": 3, "text": "done" } });
            let body = json!({ "instance_id": WORKER, "deltas": [delta] });
            (Step::Complete, "/jobs/batch", body)
        } else if self.waiting > 0 {
            self.waiting -= 1;
            let body = json!({ "capability": "work", "instance_id": WORKER });
            (Step::Claim, "/jobs/claim", body)
        } else {
            let body = json!({ "capability": "work", "submitted_by": "bench",
                "submitted_payload": { "numbers": [1, 2], "text": "some work to be done" } });
            (Step::Create, "/jobs", body)
        };
        self.steps.push(step);
        request("POST", path, body.to_string().as_bytes())
    }

    fn take(&mut self, number: usize, body: &[u8]) {
        match self.steps[number] {
            Step::Create => self.waiting += 1,
            Step::Claim => {
                let answer: Option<ClaimAnswer> = serde_json::from_slice(body).ok();
                let jobs = answer.into_iter().flat_map(|answer| answer.claimed);
                self.owned.extend(jobs.map(|job| (job.id, job.claim_epoch)));
            }
            Step::Complete => {
                let answer: Option<DeltaAnswer> = serde_json::from_slice(body).ok();
                self.completed += answer.map_or(0, |answer| answer.accepted);
            }
        }
    }
}
