//! Calls MCP tools over Streamable HTTP, one request per call and no session.
//!
//! * [`McpCaller`] sends a [`ToolCall`] under one deadline and returns a [`Reply`], byte for byte as
//!   the tool's server spelled it.
//! * A [`ToolStream`] hands on what a streaming tool says before its reply.
//! * [`ToolOutcome`] is what a reply means to code that called a function.

mod caller;
mod error;
mod exchange;
mod message;
mod outcome;
mod stream;

pub use caller::{CallerOptions, McpCaller, McpRequest, Reply, ToolCall};
pub use error::{CallError, RpcError};
pub use outcome::ToolOutcome;
pub use stream::{Said, ToolStream};
