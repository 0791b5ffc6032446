"""LLM providers: the loop of model and tools, the vendors, and what is said on the wire."""
