"""Vendors of models, a file each, which imports its SDK; so a file is imported when needed."""
