"""What the agent and the controller say to each other: events, answers, downloads."""
