"""A template's files."""
