"""What an account's owner does in it keeps nobody from working, looking or removing."""
