"""The former home of `mesh.TraceContext`."""
