//! `meshctl ui`: will open the dashboard once there is one.

use crate::error::{CliError, Kind};

/// What everybody is told who asks for it.
pub(crate) const NONE_YET: &str = "there is no dashboard yet: `meshctl tui` shows the mesh as it \
    changes, `meshctl man observability` tells of logs, metrics and traces";

/// Say what there is instead of a dashboard
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct UiArgs {}

pub(crate) fn run(_args: &UiArgs) -> Result<(), CliError> {
    Err(CliError::new(NONE_YET).of_kind(Kind::Prerequisite))
}
