"""The agent built as one file."""
