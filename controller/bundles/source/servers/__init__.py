"""Servers a template's database is read on: connections, the private server, scratch databases, their disk space."""
