"""Slots, servers that fail, and what of all that is due comes first."""
