"""Secrets known by name, form and value."""
