"""What starts an agent at once starts nothing else, and whoever disturbs it is met by cron."""
