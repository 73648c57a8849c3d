"""What starts an agent at once starts nothing else, and where it is disturbed cron starts the agent."""
