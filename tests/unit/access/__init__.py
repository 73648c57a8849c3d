"""People and keys."""
