//! `/trace`.

use mesh_core::wire::{TraceInfo, TraceStatus};
use reqwest::Method;
use serde_json::value::RawValue;

use super::{RegistryClient, decode};
use crate::ClientError;
use crate::transport::join;

/// A trace, and how the registry spelled it.
#[derive(Debug, Clone)]
pub struct FoundTrace {
    /// As far as this release knows it.
    pub trace: TraceInfo,
    /// To the letter, with what else there is.
    pub raw: Box<RawValue>,
}

impl RegistryClient {
    /// `GET /trace/status`: whether traces can be asked for, and where spans are read.
    pub async fn trace_status(&self) -> Result<TraceStatus, ClientError> {
        self.ask(Method::GET, join(&self.base, &["trace", "status"]))
            .await
    }

    /// `GET /trace/{trace_id}`. A refusal with 404 is a trace that is not there, or not yet, unless
    /// [`ClientError::is_tracing_disabled`].
    pub async fn trace(&self, id: &str) -> Result<FoundTrace, ClientError> {
        let url = join(&self.base, &["trace", id]);
        let raw: Box<RawValue> = self.ask(Method::GET, url.clone()).await?;
        let trace = decode(url.as_str(), raw.get().as_bytes())?;
        Ok(FoundTrace { trace, raw })
    }
}
