"""Orders as they come in."""
