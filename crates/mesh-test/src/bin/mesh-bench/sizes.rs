//! How much is measured: enough that the figures stand still, bounded so that a run ends.

use std::time::Duration;

/// Sizes of meshes, numbers of requests, limits of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The meshes that are measured, smallest first.
    pub(crate) meshes: &'static [usize],
    /// How often subject and yardstick take turns.
    pub(crate) rounds: usize,
    /// Storms of each size, each on a registry of its own.
    pub(crate) storms: usize,
    /// HEADs in a round.
    pub(crate) heads: usize,
    /// POSTs in a round.
    pub(crate) posts: usize,
    /// `GET /agents` in all.
    pub(crate) lists: usize,
    /// Starts of the process in all.
    pub(crate) starts: usize,
    /// Joins, and as many leaves, that are heard of by watch.
    pub(crate) rewires: usize,
    /// The same, heard of by heartbeats.
    pub(crate) polled_rewires: usize,
    /// Jobs in a round.
    pub(crate) jobs: usize,
    /// Events that are waited for.
    pub(crate) wakes: usize,
    /// How long the mixed load lasts.
    pub(crate) mixed: Duration,
    /// No single load takes longer.
    pub(crate) limit: Duration,
}

/// Connections of the steady loads.
pub(crate) const CONNECTIONS: usize = 64;
/// Workers that create, claim and complete jobs.
pub(crate) const JOB_CONNECTIONS: usize = 16;
/// Reads that wait for other jobs while one is woken.
pub(crate) const WAITING_READS: usize = 200;
/// Agents that need what joins and leaves.
pub(crate) const WAITING_AGENTS: usize = 7;
/// Connections of a registration storm.
pub(crate) const STORM_CONNECTIONS: usize = 100;

impl Sizes {
    /// What `docs/benchmarks.md` reports.
    pub(crate) const fn full() -> Self {
        Self {
            meshes: &[10, 1_000, 10_000],
            rounds: 5,
            storms: 5,
            heads: 20_000,
            posts: 5_000,
            lists: 20,
            starts: 7,
            rewires: 50,
            polled_rewires: 4,
            jobs: 5_000,
            wakes: 500,
            mixed: Duration::from_mins(1),
            limit: Duration::from_mins(2),
        }
    }

    /// A look in a minute.
    pub(crate) const fn quick() -> Self {
        Self {
            meshes: &[10, 1_000],
            rounds: 3,
            storms: 3,
            heads: 5_000,
            posts: 1_000,
            lists: 5,
            starts: 3,
            rewires: 10,
            polled_rewires: 1,
            jobs: 1_000,
            wakes: 100,
            mixed: Duration::from_secs(10),
            limit: Duration::from_secs(30),
        }
    }

    /// For a registry whose requests take milliseconds.
    pub(crate) const fn for_scale() -> Self {
        Self {
            meshes: &[10, 1_000],
            rounds: 1,
            storms: 1,
            heads: 1_000,
            posts: 300,
            lists: 3,
            starts: 3,
            rewires: 0,
            polled_rewires: 0,
            jobs: 300,
            wakes: 50,
            mixed: Duration::from_secs(30),
            limit: Duration::from_secs(90),
        }
    }
}
