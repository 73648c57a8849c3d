"""Customers' rows: which tables and columns hold them, and what is kept of those."""
