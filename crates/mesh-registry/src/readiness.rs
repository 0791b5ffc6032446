//! Tells whoever started the registry that it is ready, or why it is not.
//!
//! The starter opens a pipe and names its write end in `MCP_MESH_READY_FD`; one line of JSON comes
//! back. Without the variable nobody is told.

use std::io::{self, Write};

use serde_json::json;

use crate::platform::inherited_pipe;

/// The way back to the starter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness {
    /// The number of an inherited descriptor; of a handle on Windows.
    descriptor: Option<u32>,
}

impl Readiness {
    pub(crate) fn new(descriptor: Option<u32>) -> Self {
        Self { descriptor }
    }

    /// The registry answers at `url`.
    pub(crate) fn ready(&self, url: &str) {
        self.send(&json!({ "ready": url }));
    }

    /// The registry ends because of `error`.
    pub(crate) fn failed(&self, error: &str, hint: Option<&str>) {
        self.send(&json!({ "error": error, "hint": hint }));
    }

    fn send(&self, line: &serde_json::Value) {
        if let Err(error) = self.try_send(line) {
            tracing::warn!(%error, "the starter could not be told");
        }
    }

    fn try_send(&self, line: &serde_json::Value) -> io::Result<()> {
        let Some(descriptor) = self.descriptor else {
            return Ok(());
        };
        let mut pipe = inherited_pipe(descriptor)?;
        // In one piece: the starter may take what its first read brings for the line.
        pipe.write_all(format!("{line}\n").as_bytes())
    }
}
