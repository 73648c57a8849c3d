"""Commands, and what they ask and print."""
