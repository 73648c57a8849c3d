"""What a job carries."""
