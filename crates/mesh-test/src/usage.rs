//! What a process costs: processor time in nanoseconds, memory in bytes, as Linux counts them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

/// The processor time of a process at one moment, thread by thread.
///
/// `/proc/<pid>/stat` counts in steps of 10 ms; the scheduler's account of each thread counts
/// nanoseconds. A thread that ended between two samples is missing from the second one: servers
/// that are measured here keep theirs.
#[derive(Debug, Clone)]
pub struct CpuTime(BTreeMap<u32, u64>);

impl CpuTime {
    /// Asks the system about the process `pid`.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            let Some(tid) = entry.file_name().to_str().and_then(|t| t.parse().ok()) else {
                continue;
            };
            // A thread may end between the listing and the look.
            let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else {
                continue;
            };
            let nanos = text
                .split_whitespace()
                .next()
                .and_then(|word| word.parse().ok())
                .ok_or_else(|| io::Error::other(format!("`{text}` is no schedstat line")))?;
            threads.insert(tid, nanos);
        }
        Ok(Self(threads))
    }

    /// The account of a process that has not begun.
    #[must_use]
    pub const fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// What the process used since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let nanos = self
            .0
            .iter()
            .map(|(tid, now)| now.saturating_sub(earlier.0.get(tid).copied().unwrap_or(0)))
            .sum();
        Duration::from_nanos(nanos)
    }
}

/// The memory of the process `pid` that is in RAM.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|word| word.parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other(format!("no VmRSS for process {pid}")))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn work_is_counted_and_sleep_is_not() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).unwrap();
        let start = Instant::now();
        let mut sum = 0_u64;
        while start.elapsed() < Duration::from_millis(50) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let used = CpuTime::of(pid).unwrap().since(&before);
        assert!(used > Duration::from_millis(5), "{used:?}");
        assert!(resident_bytes(pid).unwrap() > 100_000);
    }
}
