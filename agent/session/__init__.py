"""One attempt of one job: its job file, lock, crontab line, and what every stage is given."""
