"""A year of an installation: servers that take orders, what else happens, and what is left at the end."""
