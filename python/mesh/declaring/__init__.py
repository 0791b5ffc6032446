"""What a program declares: agents, tools, what they need, and where that is kept."""
