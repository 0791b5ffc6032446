"""Skills that agents outside the mesh use by the A2A protocol (agent-to-agent, JSON-RPC)."""
