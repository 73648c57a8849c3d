"""One attempt of one job: its job file, lock, crontab line, and the context of every stage."""
