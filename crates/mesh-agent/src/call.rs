//! A call from one agent to another.

use std::sync::Arc;
use std::time::Duration;

use mesh_client::Headers;
use mesh_client::mcp::{McpCaller, ToolCall, ToolOutcome};
use serde_json::value::RawValue;
use tokio::task::AbortHandle;

use crate::{CallError, Target};

/// One call of one dependency.
#[derive(Debug, Clone)]
pub struct Call {
    /// Whom to call, from [`crate::Agent::slot`].
    pub target: Arc<Target>,
    /// A JSON object; sent as it is spelled.
    pub arguments: Box<RawValue>,
    /// How long the call may take; the callee is told.
    pub timeout: Duration,
    /// Sent with the request: trace and propagated headers.
    pub headers: Headers,
}

/// Cancels a call. Dropping the handle does not.
#[derive(Debug, Clone)]
pub struct CallHandle(AbortHandle);

impl CallHandle {
    pub(crate) fn new(task: AbortHandle) -> Self {
        Self(task)
    }

    /// Gives the call up: its connection is closed and it ends with [`CallError::Cancelled`], unless
    /// the answer was faster.
    pub fn cancel(&self) {
        self.0.abort();
    }
}

pub(crate) async fn perform(caller: &McpCaller, call: Call) -> Result<ToolOutcome, CallError> {
    let Call {
        target,
        arguments,
        timeout,
        headers,
    } = call;
    let request = ToolCall {
        endpoint: target.endpoint.clone(),
        tool: target.function_name.clone(),
        arguments,
        timeout,
        headers,
    };
    let reply = caller.call_tool(&request).await?;
    ToolOutcome::of(&reply).map_err(|reason| CallError::NoResult {
        endpoint: request.endpoint,
        tool: request.tool,
        reason,
    })
}

/// Tells the caller exactly once, even when the call is dropped on its way.
pub(crate) struct Completion<F: FnOnce(Result<ToolOutcome, CallError>)>(Option<F>);

impl<F: FnOnce(Result<ToolOutcome, CallError>)> Completion<F> {
    pub(crate) fn new(done: F) -> Self {
        Self(Some(done))
    }

    pub(crate) fn finish(mut self, outcome: Result<ToolOutcome, CallError>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl<F: FnOnce(Result<ToolOutcome, CallError>)> Drop for Completion<F> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(CallError::Cancelled));
        }
    }
}
