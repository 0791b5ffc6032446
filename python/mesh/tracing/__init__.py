"""Traces: who called whom on behalf of which request, and how long that took."""
