//! What a registry said last, of one that is asked again and again.

use mesh_client::ClientError;
use mesh_core::Timestamp;

use crate::error::{CliError, root_cause};

/// The last answer of a registry that may be away meanwhile.
pub(crate) struct Known<T> {
    pub(crate) last: Option<T>,
    /// Since when it does not answer, and why.
    pub(crate) away: Option<(Timestamp, String)>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            last: None,
            away: None,
        }
    }
}

impl<T> Known<T> {
    /// A registry that is away may come back; whatever else is wrong at the first look stays wrong.
    pub(crate) fn take(
        &mut self,
        answer: Result<T, ClientError>,
        now: Timestamp,
    ) -> Result<(), CliError> {
        match answer {
            Ok(answer) => {
                self.last = Some(answer);
                self.away = None;
            }
            Err(error) if self.last.is_some() || error.is_transient() && !error.is_distrust() => {
                let since = self.away.take().map_or(now, |(since, _)| since);
                let why = root_cause(&error).unwrap_or_else(|| error.to_string());
                self.away = Some((since, why));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    pub(crate) fn status(&self) -> &'static str {
        if self.away.is_some() {
            "not running"
        } else {
            "running"
        }
    }
}
