//! One meshctl at a time starts or stops processes of a state directory.

use std::fs::{File, TryLockError};
use std::time::Duration;

use super::Supervisor;
use crate::error::CliError;
use crate::home::Home;

/// How often a lock that is taken is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Held while processes are started or stopped; the operating system releases it with the
/// process, so a crash leaves nothing locked.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Supervisor {
    /// Waits until nobody else starts or stops processes here, then keeps others from it. What a
    /// start that was killed could not record is recorded then.
    pub(crate) async fn lock(&self) -> Result<Lock, CliError> {
        let path = self.home().lock_file();
        let problem =
            || CliError::new(format!("cannot lock `{}`", path.display())).hint(Home::advice());
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| problem().because(error))?;
        loop {
            match file.try_lock() {
                Ok(()) => {
                    let lock = Lock { _file: file };
                    self.records.heal(&lock)?;
                    return Ok(lock);
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(RETRY).await,
                Err(TryLockError::Error(error)) => return Err(problem().because(error)),
            }
        }
    }
}
