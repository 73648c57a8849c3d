"""Recognises secrets: by name, by form, by value."""
