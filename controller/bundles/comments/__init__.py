"""Finds the comments of programs, style sheets, pages and settings, and empties them of secrets."""
