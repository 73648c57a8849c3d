"""What runs as the account: file operations below its home, and its cron command at once."""
