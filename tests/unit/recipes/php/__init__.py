"""PHP read without running it."""
