"""Jobs: who works on them, who submits them, and what the registry is told."""
