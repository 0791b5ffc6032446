//! Calls MCP tools over Streamable HTTP, one request per call and no session.
//!
//! * [`McpCaller`] sends a [`ToolCall`] under one deadline and returns a [`Reply`], byte for byte as
//!   the tool's server spelled it.
//! * [`ToolOutcome`] is what a reply means to code that called a function.

mod caller;
mod error;
mod message;
mod outcome;

pub use caller::{CallerOptions, McpCaller, Reply, ToolCall};
pub use error::{CallError, RpcError};
pub use outcome::ToolOutcome;
