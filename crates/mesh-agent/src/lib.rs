//! The runtime inside an agent: heartbeat, wiring, calls, jobs, spans.
//!
//! One thread of its own, named `mesh-agent`, keeps the agent registered and publishes a versioned
//! [`Wiring`] snapshot; calls run on the same thread. State, not events: whoever needs a dependency
//! reads its slot when it is needed, so nothing has to be replayed and nothing can be missed.
//!
//! [`Agent`] is the handle; it knows no language, so every binding is conversions only. Callbacks
//! handed to it run on the runtime's thread and must not block.

mod agent;
mod backoff;
mod call;
mod error;
mod heartbeat;
mod jobs;
mod settings;
mod settle;
mod shared;
mod spans;
mod status;
mod stream;
mod watch;
mod wiring;

pub use agent::{Agent, Stopped};
pub use call::{Call, CallHandle};
pub use error::{CallError, JobsError, StartError};
pub use jobs::Jobs;
pub use mesh_client::mcp::{RpcError, ToolOutcome};
pub use mesh_client::{
    ClientError, Headers, InvalidHeader, JobCall, JobEventQuery, JobWait, TlsError, TlsFiles,
    describe,
};
pub use settings::{AgentSettings, Health};
pub use spans::{Span, SpanPublisher};
pub use status::{AgentState, Observer, Status};
pub use stream::{CallStream, Streamed};
pub use wiring::{Target, Wiring};
