"""The agent as one file: built, compiled, and in a form that survives panels which change bytes."""
