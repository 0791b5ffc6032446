//! Whether a container ends when it is asked to.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Trial;

/// What a container may take to stop. Emulated programs are slower, and nobody waits for those.
const LIMIT: Duration = Duration::from_secs(3);
const EMULATED_LIMIT: Duration = Duration::from_secs(12);

/// Stops a container with SIGTERM, in time and well.
pub(super) fn stop(trial: &Trial<'_>, name: &str) -> anyhow::Result<Duration> {
    let limit = if trial.is_native() {
        LIMIT
    } else {
        EMULATED_LIMIT
    };
    let before = Instant::now();
    trial
        .docker
        .command(&["stop", "--time", "30", name])
        .output()?;
    let took = before.elapsed();
    let log = || trial.docker.logs(name);
    ensure!(
        took < limit,
        "`{name}` took {took:.1?} to stop, and may take {limit:?}\n{}",
        log()
    );
    let code = trial.docker.inspect(name, "{{.State.ExitCode}}")?;
    ensure!(code == "0", "`{name}` ended with {code}\n{}", log());
    Ok(took)
}
