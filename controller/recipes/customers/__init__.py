"""Finds customers' rows: which tables and columns hold them, and which rows are kept."""
