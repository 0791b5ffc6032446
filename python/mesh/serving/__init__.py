"""The running agent: settings, life cycle, FastMCP as its server, probes, registration."""
