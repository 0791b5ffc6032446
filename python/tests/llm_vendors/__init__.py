"""Servers that speak the wire formats of LLM vendors, for the vendors' own SDKs to talk to."""
