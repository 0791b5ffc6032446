"""Agents outside of the mesh: their A2A skills as tools of this agent."""
