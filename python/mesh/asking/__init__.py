"""Asking an LLM: what is sent to its provider, and what is made of the answer."""
