//! The names that the protocol says outside of JSON.

/// The header that names an answer: on the answer to `POST /heartbeat`, and on an agent's
/// `HEAD /heartbeat/{agent_id}` to say which answer it holds. A stream's `id` is the same name.
pub const ANSWER_ID_HEADER: &str = "x-mesh-answer";

/// The header of the answer to `HEAD /heartbeat/{agent_id}` that says how many jobs wait for agents
/// of that agent's name; absent if none do.
pub const PENDING_JOBS_HEADER: &str = "x-mesh-pending-jobs";

/// The header of a call that says what all of it may take, in seconds.
pub const TIMEOUT_HEADER: &str = "x-mesh-timeout";

/// How the comment begins that the proxy appends to a stream of events that it cut at its deadline.
pub const PROXY_TIMEOUT_MARK: &str = "mesh-proxy-timeout";
