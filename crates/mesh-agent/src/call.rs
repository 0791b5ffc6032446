//! A call from one agent to another.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use mesh_client::Headers;
use mesh_client::mcp::{McpCaller, McpRequest, Reply, ToolCall, ToolOutcome};
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
    /// How long the call may take, or a stream be silent; the callee is told.
    pub timeout: Duration,
    /// Sent with the request: trace and propagated headers.
    pub headers: Headers,
}

/// Cancels a call, or a request about jobs. Dropping the handle does not.
#[derive(Debug, Clone)]
pub struct CallHandle(AbortHandle);

impl CallHandle {
    pub(crate) fn new(task: AbortHandle) -> Self {
        Self(task)
    }

    /// Gives the call up: its connection is closed and it ends as cancelled, unless the answer was
    /// faster.
    pub fn cancel(&self) {
        self.0.abort();
    }
}

pub(crate) async fn perform(caller: &McpCaller, call: Call) -> Result<ToolOutcome, CallError> {
    let call = request(call);
    let reply = caller.call_tool(&call).await?;
    outcome(&reply, &call)
}

/// Asks the agent of `call` for `method`, with the arguments as its parameters.
pub(crate) async fn ask(
    caller: &McpCaller,
    call: Call,
    method: String,
) -> Result<Box<RawValue>, CallError> {
    let request = McpRequest {
        endpoint: call.target.endpoint.clone(),
        method,
        params: Some(call.arguments),
        timeout: call.timeout,
        headers: call.headers,
    };
    let reason = match caller.request(&request).await? {
        Reply::Result(result) => return Ok(result),
        Reply::Accepted => "it is empty",
        Reply::Other(_) => "it is neither JSON nor an event stream",
    };
    Err(CallError::NoResult {
        endpoint: request.endpoint,
        tool: request.method,
        reason: reason.to_owned(),
    })
}

/// What is sent for a call.
pub(crate) fn request(call: Call) -> ToolCall {
    let Call {
        target,
        arguments,
        timeout,
        headers,
    } = call;
    ToolCall {
        endpoint: target.endpoint.clone(),
        tool: target.function_name.clone(),
        arguments,
        timeout,
        headers,
    }
}

/// What is answered to it.
pub(crate) fn outcome(reply: &Reply, call: &ToolCall) -> Result<ToolOutcome, CallError> {
    ToolOutcome::of(reply).map_err(|reason| CallError::NoResult {
        endpoint: call.endpoint.clone(),
        tool: call.tool.clone(),
        reason,
    })
}

/// The work was dropped before it was done.
pub(crate) struct GivenUp;

/// Tells the caller exactly once, even when the work is dropped on its way.
pub(crate) struct Completion<F, T, E>
where
    F: FnOnce(Result<T, E>),
    E: From<GivenUp>,
{
    done: Option<F>,
    outcome: PhantomData<fn(T, E)>,
}

impl<F: FnOnce(Result<T, E>), T, E: From<GivenUp>> Completion<F, T, E> {
    pub(crate) fn new(done: F) -> Self {
        Self {
            done: Some(done),
            outcome: PhantomData,
        }
    }

    pub(crate) fn finish(mut self, outcome: Result<T, E>) {
        if let Some(done) = self.done.take() {
            done(outcome);
        }
    }
}

impl<F: FnOnce(Result<T, E>), T, E: From<GivenUp>> Drop for Completion<F, T, E> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(Err(GivenUp.into()));
        }
    }
}
