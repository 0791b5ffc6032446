//! The command line of MCP Mesh, as a library.
