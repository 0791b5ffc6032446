//! Typed HTTP client of the registry, and the caller of MCP tools.
