"""A year of an installation: servers that take orders, what happens beside them, and what is left at the end."""
