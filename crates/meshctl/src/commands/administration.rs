//! What operators ask a registry, which may answer it at a port of its own.

use mesh_client::ClientError;
use mesh_core::env::EnvVars;

use crate::error::CliError;

/// A registry whose administration has a port of its own knows nothing of it at the other one.
pub(super) fn refused(error: ClientError) -> CliError {
    let hidden = error.is_not_found();
    let error = CliError::from(error);
    if hidden {
        return error.or_hint(format!(
            "if it runs with `{0}`, pass that port: `--registry-url http://localhost:<{0}>`",
            EnvVars::MCP_MESH_ADMIN_PORT
        ));
    }
    error
}
