"""Operations that run as the account: file operations below its home, and the immediate start of its cron command."""
