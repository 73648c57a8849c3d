"""One start of the agent."""
