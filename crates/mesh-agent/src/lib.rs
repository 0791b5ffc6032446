//! The runtime inside an agent: heartbeat, wiring, calls.
