"""The shop's files."""
